program run_package
  !! Loads the package named by the first argument (a second one, `trust`, admits any) and runs it on one sample and on four. Prints
  !! the status, the variants that ran and whether the numbers were right.
  use, intrinsic :: iso_fortran_env, only: real32
  use :: ftorch
  implicit none (type, external)
  character(len=1000) :: file, word
  integer :: i
  logical :: trust
  call get_command_argument(1, file)
  trust = .false.
  do i = 2, command_argument_count()
    call get_command_argument(i, word)
    if (word == 'trust') trust = .true.
  end do
  call run(trim(file))
  write (*, '(a,i0)') 'live ', torch_live_handles()

contains

  subroutine run(path)
    character(len=*), intent(in) :: path
    type(torch_model) :: model
    real(real32), target :: x(5, 4), y(3, 4), one(3)
    character(len=:), allocatable :: first, second
    character(len=4000) :: message
    integer :: status, n
    message = ''
    first = ''
    second = ''
    one = -1
    y = -1
    x = reshape([(real(n, real32), n=0, 19)], [5, 4])
    call torch_model_load(model, path, trust=trust, stat=status, errmsg=message)
    if (status == torch_success) then
      call model%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1], stat=status, errmsg=message)
    end if
    if (status == torch_success) call model%stats(variant=first)
    if (status == torch_success .and. .not. trust) then
      call model%infer(x(:, 1), one, stat=status, errmsg=message)
      if (status == torch_success) call model%stats(variant=second)
      if (any(abs(one - expected(x(:, 1))) > 0)) status = -1
    end if
    do n = 1, 4
      if (status == torch_success .and. any(abs(y(:, n) - expected(x(:, n))) > 0)) status = -1
    end do
    write (*, '(a,i0,6a)') 'stat ', status, ' ', first, ' ', second, ' ', trim(message)
  end subroutine run

  pure function expected(x) result(y)
    real(real32), intent(in) :: x(5)
    real(real32) :: y(3)
    integer :: i, j
    do i = 1, 3
      y(i) = real(i - 1, real32)
      do j = 1, 5
        y(i) = y(i) + real(i * j, real32) * x(j)
      end do
    end do
  end function expected

end program run_package
