module package_kit
  !! What the programs about compiled packages share: the files, and the numbers that must come out.
  use, intrinsic :: iso_fortran_env, only: real32
  use :: ftorch
  implicit none (type, external)
  private

  public :: files, must, same, expected, numbers, both_ways

  character(len=*), parameter :: files(6) = [character(len=19) :: 'linear.pt2', 'compiled.pt2', 'aoti.pt2', 'kernel.pt2', &
    'script.pt2', 'future_fallback.pt2']
    !! The same network by each kind of code

contains

  pure function expected(x, bias) result(y)
    real(real32), intent(in) :: x(:)
    real(real32), optional, intent(in) :: bias(3)
    real(real32) :: y(3)
    integer :: k, j
    do k = 1, 3
      y(k) = real(k - 1, real32)
      if (present(bias)) y(k) = bias(k)
      do j = 1, 5
        y(k) = y(k) + real(k * j, real32) * x(j)
      end do
    end do
  end function expected

  subroutine must(fact, what, file)
    logical, intent(in) :: fact
    character(len=*), intent(in) :: what
    character(len=*), optional, intent(in) :: file
    if (fact) return
    if (present(file)) write (*, '(3a)') file, ': ', what
    error stop what
  end subroutine must

  subroutine same(y, x, what, file, bias)
    !! y(3, n) are the outputs for x(5, n).
    real(real32), intent(in) :: y(:, :), x(:, :)
    character(len=*), intent(in) :: what, file
    real(real32), optional, intent(in) :: bias(3)
    integer :: n
    do n = 1, size(x, 2)
      call must(maxval(abs(y(:, n) - expected(x(:, n), bias))) <= 0, what, file)
    end do
  end subroutine same

  function numbers(rows, count) result(x)
    integer, intent(in) :: rows, count
    real(real32) :: x(rows, count)
    integer :: n
    x = reshape([(real(modulo(7 * n, 13) - 3, real32), n=1, rows * count)], [rows, count])
  end function numbers

  subroutine both_ways(model, x, y, what, file, bias)
    !! The batch and one sample, which may be computed by different code.
    type(torch_model), intent(in) :: model
    real(real32), intent(in), target :: x(5, 4)
    real(real32), intent(inout), target :: y(3, 4)
    character(len=*), intent(in) :: what, file
    real(real32), optional, intent(in) :: bias(3)
    y = 0
    call model%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call same(y, x, what // ' batch', file, bias)
    call model%infer(x(:, 4), y(:, 4))
    call same(y(:, 4:4), x(:, 4:4), what // ' sample', file, bias)
  end subroutine both_ways

end module package_kit
