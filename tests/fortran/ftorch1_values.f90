module ftorch1_values_scenarios
  !! The unit ftorch_tensor by its own name: operators, reductions and gradients into wrapped arrays.
  use, intrinsic :: iso_c_binding, only: c_associated, c_int64_t
  use, intrinsic :: iso_fortran_env, only: int16, int32, int64, int8, real32, real64
  use :: ftorch1_kit, only: say
  use :: ftorch_devices, only: torch_kCPU
  use :: ftorch_tensor, only: assignment(=), operator(*), operator(**), operator(+), operator(-), operator(/), torch_tensor, &
    torch_tensor_backward, torch_tensor_delete, torch_tensor_empty, torch_tensor_from_array, torch_tensor_get_gradient, &
    torch_tensor_get_shape, torch_tensor_mean, torch_tensor_ones, torch_tensor_sum, torch_tensor_to, torch_tensor_zero, &
    torch_tensor_zero_grad, torch_tensor_zeros
  use :: ftorch_types, only: torch_kFloat32, torch_kFloat64, torch_kInt64
  implicit none (type, external)
  private
  public :: operators, powers, reductions, example, conversions, by_name

  integer, parameter :: tensor_layout(1) = [1], matrix_layout(2) = [1, 2]
  real(real64), target :: a_data(3), b_data(3), q_data(3), a_grad(3), b_grad(3), ones(3)
  type(torch_tensor) :: a, b, q, ga, gb, external_gradient

contains

  subroutine make()
    a_data = [2.0_real64, 3.0_real64, 0.5_real64]
    b_data = [6.0_real64, -4.0_real64, 1.5_real64]
    ones = [1.0_real64, 2.0_real64, -1.0_real64]
    call torch_tensor_from_array(a, a_data, tensor_layout, torch_kCPU, requires_grad=.true.)
    call torch_tensor_from_array(b, b_data, tensor_layout, torch_kCPU, requires_grad=.true.)
    call torch_tensor_from_array(q, q_data, tensor_layout, torch_kCPU)
    call torch_tensor_from_array(ga, a_grad, tensor_layout, torch_kCPU)
    call torch_tensor_from_array(gb, b_grad, tensor_layout, torch_kCPU)
    call torch_tensor_from_array(external_gradient, ones, tensor_layout, torch_kCPU)
  end subroutine make

  subroutine unmake()
    ! Variables of a module live as long as the program.
    call torch_tensor_delete(a)
    call torch_tensor_delete(b)
    call torch_tensor_delete(q)
    call torch_tensor_delete(ga)
    call torch_tensor_delete(gb)
    call torch_tensor_delete(external_gradient)
  end subroutine unmake

  subroutine differentiate(name, both)
    !! The value went into q_data; the gradients go into a_grad and b_grad.
    character(len=*), intent(in) :: name
    logical, intent(in) :: both
    call say(name, q_data)
    call torch_tensor_backward(q, external_gradient)
    call torch_tensor_get_gradient(ga, a)
    call say(name // '_a', a_grad)
    call torch_tensor_zero_grad(a)
    if (.not. both) return
    call torch_tensor_get_gradient(gb, b)
    call say(name // '_b', b_grad)
    call b%zero_grad()
  end subroutine differentiate

  subroutine operators()
    call make()
    q = a + b
    call differentiate('add', .true.)
    q = a - b
    call differentiate('sub', .true.)
    q = a * b
    call differentiate('mul', .true.)
    q = a / b
    call differentiate('div', .true.)
    q = -a
    call differentiate('neg', .false.)
    q = a
    call differentiate('copy', .false.)
    q = -(a - b) * (a + b) / (a * a)
    call differentiate('long', .true.)
    call unmake()
  end subroutine operators

  subroutine powers()
    call make()
    q = a ** 2_int8
    call differentiate('int8', .false.)
    q = a ** (-2_int16)
    call differentiate('int16', .false.)
    q = a ** 3_int32
    call differentiate('int32', .false.)
    q = a ** 4_int64
    call differentiate('int64', .false.)
    q = a ** 0.5_real32
    call differentiate('real32', .false.)
    q = a ** 1.1_real64
    call differentiate('real64', .false.)
    call unmake()
  end subroutine powers

  subroutine reductions()
    !! The output exists with the shape [1] and wraps an array.
    type(torch_tensor) :: s
    real(real64), target :: s_data(1)
    call make()
    call torch_tensor_from_array(s, s_data, tensor_layout, torch_kCPU)
    call torch_tensor_sum(s, a * b)
    call say('sum', s_data)
    call torch_tensor_backward(s)
    call torch_tensor_get_gradient(ga, a)
    call say('sum_a', a_grad)
    call torch_tensor_zero_grad(a)
    call torch_tensor_mean(s, a ** 2)
    call say('mean', s_data)
    call torch_tensor_backward(s, retain_graph=.true.)
    call torch_tensor_backward(s, retain_graph=.false.)
    call torch_tensor_get_gradient(ga, a)
    call say('mean_twice_a', a_grad)
    call torch_tensor_delete(s)
    call unmake()
  end subroutine reductions

  subroutine example()
    !! Tensors of one element multiply; the gradient is accumulated over two calls.
    type(torch_tensor) :: multiplier, divisor, da
    real(real64), target :: three(1), five(1)
    call make()
    three = 3
    five = 5
    call torch_tensor_from_array(multiplier, three, tensor_layout, torch_kCPU)
    call torch_tensor_from_array(divisor, five, tensor_layout, torch_kCPU)
    q = multiplier * (a ** 3 - b * b / divisor)
    call say('q', q_data)
    call torch_tensor_backward(q, external_gradient, retain_graph=.true.)
    call torch_tensor_backward(q, external_gradient)
    call torch_tensor_empty(da, 1, [3_c_int64_t], torch_kFloat64, torch_kCPU)
    call torch_tensor_get_gradient(da, a)
    ga = da
    call say('q_twice_a', a_grad)
    call unmake()
  end subroutine example

  subroutine conversions()
    type(torch_tensor) :: single, double, whole, o, z
    real(real32), target :: s_data(2, 3)
    real(real64), target :: d_data(2, 3)
    integer(int64), target :: i_data(2, 3)
    s_data = reshape([1.5, 2.5, -3.5, 4.0, 5.25, 6.75], [2, 3])
    call torch_tensor_from_array(single, s_data, matrix_layout, torch_kCPU)
    call torch_tensor_from_array(double, d_data, matrix_layout, torch_kCPU)
    call torch_tensor_from_array(whole, i_data, matrix_layout, torch_kCPU)
    call torch_tensor_to(single, double)
    call say('to_float64', reshape(d_data, [6]))
    call torch_tensor_to(single, whole, non_blocking=.false.)
    call say('to_int64', int(reshape(i_data, [6])))
    call torch_tensor_ones(o, 2, [2_c_int64_t, 3_c_int64_t], torch_kFloat64, torch_kCPU)
    call torch_tensor_zeros(z, 2, [2_c_int64_t, 3_c_int64_t], torch_kFloat32, torch_kCPU)
    double = o
    call say('ones', reshape(d_data, [6]))
    call torch_tensor_zero(single)
    call say('zeroed', reshape(s_data, [6]))
    call say('shape', int(torch_tensor_get_shape(z)))
  end subroutine conversions

  subroutine by_name()
    !! A copy of a named tensor is independent; a released one is null.
    type(torch_tensor) :: first, second, third
    real(real64), target :: values(3)
    call torch_tensor_ones(first, 1, [3_c_int64_t], torch_kFloat64, torch_kCPU)
    second = first
    call first%zero()
    call torch_tensor_from_array(third, values, tensor_layout, torch_kCPU)
    third = second
    call say('independent', values)
    call torch_tensor_delete(first)
    call say('null', .not. c_associated(first%p))
  end subroutine by_name

end module ftorch1_values_scenarios

program ftorch1_values
  use :: ftorch1_values_scenarios, only: by_name, conversions, example, operators, powers, reductions
  implicit none (type, external)
  call operators()
  call powers()
  call reductions()
  call example()
  call conversions()
  call by_name()
end program ftorch1_values
