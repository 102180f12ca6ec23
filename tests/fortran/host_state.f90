module host_state_scenarios
  !! What the library must leave as it was: floating-point traps, flags and flush-to-zero, and the OpenMP thread count.
  use, intrinsic :: ieee_arithmetic
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: ftorch
  implicit none (type, external)
  private
  public :: environment, same, storms

  type :: environment
    logical :: flags(5), traps(5)
    type(ieee_round_type) :: rounding
    logical :: gradual
  end type environment

contains

  function current() result(now)
    type(environment) :: now
    call ieee_get_flag(ieee_all, now%flags)
    call ieee_get_halting_mode(ieee_all, now%traps)
    call ieee_get_rounding_mode(now%rounding)
    now%gradual = .true.
    if (ieee_support_underflow_control(1.0_real32)) call ieee_get_underflow_mode(now%gradual)
  end function current

  subroutine same(before, what)
    type(environment), intent(in) :: before
    character(len=*), intent(in) :: what
    type(environment) :: now
    now = current()
    if (any(now%flags .neqv. before%flags)) error stop 'flags differ after ' // what
    if (any(now%traps .neqv. before%traps)) error stop 'traps differ after ' // what
    if (now%rounding /= before%rounding) error stop 'rounding differs after ' // what
    if (now%gradual .neqv. before%gradual) error stop 'flush to zero differs after ' // what
  end subroutine same

  subroutine storms(n, threads)
    !! Everything that computes, on n rows, with infinities and NaN inside.
    integer, intent(in) :: n, threads
    type(torch_model) :: model
    type(torch_tensor) :: x(1), y(1), a, b, zero, grad
    real(real32), allocatable, target :: u(:, :), v(:, :)
    real(real64) :: difference
    type(environment) :: before
    integer :: i
    allocate (u(n, 8), v(n, 8))
    u = 1
    before = current()
    call torch_set_num_threads(threads)
    call same(before, 'the first call')  ! which loads PyTorch
    call torch_model_load(model, 'stormy.pt')
    call same(before, 'load')
    do i = 1, 3
      call model%infer(u, v)
      call same(before, 'infer')
      if (any(abs(v - 2) > 0)) error stop 'wrong numbers'
    end do
    call torch_tensor_from_array(x(1), u)
    call torch_tensor_from_array(y(1), v)
    call torch_model_forward(model, x, y)
    call same(before, 'forward')
    call torch_model_self_test(model, difference)
    call same(before, 'self test')
    call torch_tensor_zeros(zero, 2, [int(n, int64), 8_int64], torch_kFloat32, torch_kCPU, requires_grad=.true.)
    call same(before, 'zeros')
    a = x(1) / zero - zero / zero
    call same(before, 'operators')
    b = a
    call same(before, 'assignment')
    call torch_tensor_sum(a, b)
    call same(before, 'sum')
    call torch_tensor_backward(a)
    call same(before, 'backward')
    call torch_tensor_get_gradient(grad, zero)
    if (n < 10) call torch_tensor_print(b)
    call same(before, 'print')
    call torch_tensor_copy_to(b, v, stat=i)
    call same(before, 'copy')
    call torch_model_load(model, 'missing.pt', stat=i)
    call same(before, 'an error')
  end subroutine storms

end module host_state_scenarios

program host_state
  use, intrinsic :: ieee_arithmetic
  use, intrinsic :: iso_fortran_env, only: real32
  use :: ftorch, only: torch_live_handles
  use :: host_state_scenarios, only: storms
  implicit none (type, external)
  character(len=16) :: mode
  call get_command_argument(1, mode)
  select case (mode)
  case ('traps')
    call ieee_set_halting_mode([ieee_invalid, ieee_overflow, ieee_divide_by_zero], .true.)
  case ('inexact')
    call ieee_set_halting_mode(ieee_inexact, .true.)
  case ('flags')
    call ieee_set_flag([ieee_overflow, ieee_inexact], .true.)
  case ('clear')
    call ieee_set_flag(ieee_all, .false.)
  case ('rounding')
    call ieee_set_rounding_mode(ieee_up)
  case ('flush')
    if (ieee_support_underflow_control(1.0_real32)) call ieee_set_underflow_mode(.false.)
  case ('none')  ! as the program starts
  case default
    error stop 'host_state: unknown mode'
  end select
  call storms(4, 1)
  call storms(200000, 4)
  if (torch_live_handles() /= 0) error stop 'handles are left'
  write (*, '(a)') 'as before'
end program host_state
