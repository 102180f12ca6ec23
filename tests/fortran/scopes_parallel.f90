program scopes_parallel
  !! Scopes of recording belong to their thread, also when threads open and close them at the same time.
  use, intrinsic :: iso_fortran_env, only: int64, real64
  use :: ftorch
  implicit none (type, external)
  integer :: i, wrong
  wrong = 0
  call torch_no_grad_begin()
  !$omp parallel do num_threads(4) reduction(+:wrong)
  do i = 1, 400
    wrong = wrong + work(i)
  end do
  !$omp end parallel do
  if (torch_is_grad_enabled()) wrong = wrong + 1
  call torch_no_grad_end()
  if (.not. torch_is_grad_enabled()) wrong = wrong + 1
  if (torch_live_handles() /= 0) wrong = wrong + 1
  write (*, '(a,i0)') 'wrong: ', wrong

contains

  integer function work(i)
    !! Every thread that is not the first records from its start; gradients are those of this thread's own graph.
    integer, intent(in) :: i
    type(torch_grad_scope) :: scope
    type(torch_tensor) :: x, y
    real(real64) :: slope
    work = 0
    if (mod(i, 2) == 0) then
      call scope%no_grad()
    else
      call scope%enable_grad()
    end if
    call torch_tensor_full(x, real(i, real64), [1_int64], requires_grad=.true.)
    y = x * x
    if (y%requires_grad() .neqv. mod(i, 2) /= 0) work = 1
    if (mod(i, 2) == 0) return
    call torch_tensor_backward(y)
    call torch_tensor_item(torch_gradient(x), slope)
    if (abs(slope - 2 * i) > 0) work = 1
  end function work

end program scopes_parallel
