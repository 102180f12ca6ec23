program first_in_parallel
  !! The first call of the process is made by several threads at once. Prints the bits of what they compute, added up.
  use, intrinsic :: iso_fortran_env, only: int32, int64, real32, real64
  use :: ftorch
  use :: omp_lib, only: omp_get_thread_num
  implicit none (type, external)
  integer, parameter :: threads = 8, n = 4096
  integer(int64) :: bits(0:threads - 1)
  !$omp parallel num_threads(threads)
  call compute(bits(omp_get_thread_num()))
  !$omp end parallel
  if (any(bits /= bits(0))) error stop 'the threads have computed different numbers'
  write (*, '(z16.16)') bits(0)

contains

  subroutine compute(sum_of_bits)
    integer(int64), intent(out) :: sum_of_bits
    real(real32), target :: x(n), y(n)
    real(real64), target :: u(n), v(n)
    type(torch_tensor) :: a, b, c, d
    integer :: i
    x = [(real(i, real32) / (n + 1), i=1, n)]
    u = [(real(i, real64) / (n + 1), i=1, n)]
    call torch_tensor_from_array(a, x)
    call torch_tensor_from_array(b, y)
    call torch_tensor_from_array(c, u)
    call torch_tensor_from_array(d, v)
    sum_of_bits = 0
    y = 0
    v = 0
    !$omp barrier
    b = torch_sqrt(a)
    call add(sum_of_bits, y, v)
    b = torch_exp(a)
    call add(sum_of_bits, y, v)
    b = torch_log(a)
    call add(sum_of_bits, y, v)
    b = torch_sin(a)
    call add(sum_of_bits, y, v)
    b = torch_tanh(a)
    call add(sum_of_bits, y, v)
    b = torch_asin(a)
    call add(sum_of_bits, y, v)
    b = torch_erf(a)
    call add(sum_of_bits, y, v)
    d = torch_sqrt(c)
    call add(sum_of_bits, y, v)
    d = torch_exp(c)
    call add(sum_of_bits, y, v)
    d = torch_sin(c)
    call add(sum_of_bits, y, v)
    d = torch_acos(c)
    call add(sum_of_bits, y, v)
  end subroutine compute

  subroutine add(sum_of_bits, y, v)
    integer(int64), intent(inout) :: sum_of_bits
    real(real32), intent(in) :: y(:)
    real(real64), intent(in) :: v(:)
    integer :: k
    do k = 1, n
      sum_of_bits = ieor(ishftc(sum_of_bits, 7), int(transfer(y(k), 0_int32), int64))
      sum_of_bits = ieor(ishftc(sum_of_bits, 7), transfer(v(k), 0_int64))
    end do
  end subroutine add

end program first_in_parallel
