program operators
  !! Times `c = a * b + a` in Fortran and in plain C++, which take turns. Each line of output: nanoseconds of both.
  !!
  !! Usage: `operators SIZE CALLS ROUNDS`
  use, intrinsic :: iso_c_binding, only: c_double, c_int64_t
  use, intrinsic :: iso_fortran_env, only: int64, output_unit, real64
  use :: ftorch, only: assignment(=), operator(*), operator(+), torch_tensor, torch_tensor_copy_to, torch_tensor_from_array
  implicit none (type, external)
  interface
    subroutine plain_expression(a, b, c, size, calls) bind(C)
      import :: c_double, c_int64_t
      implicit none (type, external)
      real(c_double), intent(inout) :: a(*), b(*), c(*)
      integer(c_int64_t), value :: size, calls
    end subroutine plain_expression
  end interface
  character(len=20) :: word
  integer(int64) :: numbers(3)
  integer :: i
  do i = 1, 3
    call get_command_argument(i, word)
    read (word, *) numbers(i)
  end do
  call compare(numbers(1), numbers(2), int(numbers(3)))

contains

  subroutine compare(size, calls, rounds)
    integer(int64), intent(in) :: size, calls
    integer, intent(in) :: rounds
    real(real64), allocatable, target :: a(:), b(:), ours(:), plain(:)
    real(real64) :: nanoseconds(2)
    integer :: round, k
    allocate (a(size), b(size), ours(size), plain(size))
    call random_number(a)
    call random_number(b)
    do round = 0, rounds
      do k = 1, 2
        if (mod(round + k, 2) == 0) then
          nanoseconds(1) = timed(.true., calls, a, b, ours)
        else
          nanoseconds(2) = timed(.false., calls, a, b, plain)
        end if
      end do
      if (round > 0) write (output_unit, '(2(es14.7, 1x))') nanoseconds
    end do
    if (any(abs(ours - plain) > 0)) error stop 'the contestants disagree'
  end subroutine compare

  real(real64) function timed(in_fortran, calls, a, b, c)
    logical, intent(in) :: in_fortran
    integer(int64), intent(in) :: calls
    real(real64), intent(inout), target :: a(:), b(:), c(:)
    integer(int64) :: start, finish, rate
    call system_clock(start, rate)
    if (in_fortran) then
      call expression(calls, a, b, c)
    else
      call plain_expression(a, b, c, size(a, kind=c_int64_t), calls)
    end if
    call system_clock(finish)
    timed = 1.0e9_real64 * real(finish - start, real64) / real(rate, real64) / real(calls, real64)
  end function timed

  subroutine expression(calls, a_data, b_data, c_data)
    integer(int64), intent(in) :: calls
    real(real64), intent(inout), target :: a_data(:), b_data(:), c_data(:)
    type(torch_tensor) :: a, b, c
    integer(int64) :: call
    call torch_tensor_from_array(a, a_data)
    call torch_tensor_from_array(b, b_data)
    do call = 1, calls
      c = a * b + a
    end do
    call torch_tensor_copy_to(c, c_data)
  end subroutine expression

end program operators
