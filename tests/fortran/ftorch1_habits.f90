module ftorch1_habits_scenarios
  !! What codes for FTorch 1.1 and its newer versions rely on beyond names and numbers. Only FTorch's modules and names.
  use, intrinsic :: iso_c_binding, only: c_loc
  use, intrinsic :: iso_fortran_env, only: int64, int8, real32, real64
  use :: ftorch_devices, only: some_kind => int32
  use :: ftorch_loss, only: loss_null => c_null_ptr, loss_pointer => c_ptr, loss_tensor => torch_tensor, torch_kMean, torch_kNone, &
    torch_kSum
  use :: ftorch_model, only: ftorch_int, kind_of_device => torch_kCPU, model_null => c_null_ptr, model_pointer => c_ptr, &
    model_tensor => torch_tensor, torch_model, torch_model_forward, torch_model_load, torch_model_parameters, torch_model_save
  use :: ftorch_optim, only: optim_associated => c_associated, optim_null => c_null_ptr, optim_pointer => c_ptr, &
    optim_tensor => torch_tensor, torch_optim, torch_optim_SGD
  use :: ftorch_tensor, only: assignment(=), c_associated, c_null_ptr, c_ptr, int32, operator(*), operator(+), torch_kCPU, &
    torch_kCUDA, torch_kFloat32, torch_kFloat64, torch_kHIP, torch_kInt16, torch_kInt32, torch_kInt64, torch_kInt8, torch_kMPS, &
    torch_kXPU, torch_tensor, torch_tensor_add, torch_tensor_assign, torch_tensor_backward, &
    torch_tensor_backward_with_external_gradient, torch_tensor_backward_without_external_gradient, torch_tensor_divide, &
    torch_tensor_empty, torch_tensor_from_array, torch_tensor_from_array_int64_1d, torch_tensor_from_array_legacy, &
    torch_tensor_from_array_real32_2d, torch_tensor_from_array_real32_2d_default_layout, torch_tensor_from_array_real32_2d_legacy, &
    torch_tensor_from_array_real64_5d, torch_tensor_from_blob, torch_tensor_get_gradient, torch_tensor_multiply, &
    torch_tensor_negative, torch_tensor_ones, torch_tensor_power_int8, torch_tensor_power_real64, torch_tensor_subtract, &
    torch_tensor_sum, torch_tensor_zero_grad
  use :: ftorch_types, only: kind_of_types => int32
  implicit none (type, external)
  private
  public :: names_that_come_along, specifics, newer_arguments, weights_of_files, zeroed_gradients, vectors_backward, &
    recorded_outputs, outputs_as_intent_in, file_names, index_of_the_cpu, lists

contains

  subroutine check(fact, what)
    logical, intent(in) :: fact
    character(len=*), intent(in) :: what
    if (.not. fact) error stop what
  end subroutine check

  logical function same(a, b)
    real(real32), intent(in) :: a(:, :), b(:, :)
    same = all(shape(a) == shape(b))
    if (same) same = all(abs(a - b) <= 1e-6 * abs(b))
  end function same

  subroutine names_that_come_along()
    type(c_ptr) :: p
    type(loss_pointer) :: q
    type(model_pointer) :: r
    type(optim_pointer) :: s
    type(loss_tensor) :: a
    type(model_tensor) :: b
    type(optim_tensor) :: c
    p = c_null_ptr
    q = loss_null
    r = model_null
    s = optim_null
    call check(.not. (c_associated(p) .or. optim_associated(q) .or. c_associated(r) .or. c_associated(s)), 'null pointers')
    call check(.not. (c_associated(a%p) .or. c_associated(b%p) .or. c_associated(c%p)), 'null tensors')
    call check(all([some_kind, kind_of_types, ftorch_int] == int32), 'int32')
    call check(all([torch_kInt8, torch_kInt16, torch_kInt32, torch_kInt64, torch_kFloat32, torch_kFloat64] == [1, 2, 3, 4, 6, 7]), &
      'dtypes')
    call check(all([torch_kCUDA, torch_kHIP, torch_kXPU, torch_kMPS] == [1, 1, 12, 13]), 'devices')
    call check(kind_of_device == torch_kCPU, 'the CPU')
    call check(all([torch_kNone, torch_kMean, torch_kSum] == [0, 1, 2]), 'reductions')
  end subroutine names_that_come_along

  subroutine specifics()
    type(torch_tensor) :: a, b, c, g
    integer(int64), target :: numbers(2)
    real(real32), target :: x(2, 3), y(2, 3), z(2, 3), slope(2, 3)
    real(real64), target :: wide(1, 1, 1, 1, 2)
    x = reshape([1, 2, 3, 4, 5, 6], [2, 3])
    y = 2
    numbers = 7
    wide = 0
    call torch_tensor_from_array_int64_1d(a, numbers, torch_kCPU)
    call torch_tensor_from_array_real64_5d(a, wide, [1, 2, 3, 4, 5], torch_kCPU)
    call torch_tensor_from_array_real32_2d_default_layout(a, x, torch_kCPU, requires_grad=.true.)
    call torch_tensor_from_array_real32_2d(b, y, [1, 2], torch_kCPU)
    call torch_tensor_from_array_real32_2d(c, z, torch_kCPU)
    c = torch_tensor_add(a, b)
    call check(same(z, x + y), 'torch_tensor_add')
    c = torch_tensor_subtract(a, b)
    call check(same(z, x - y), 'torch_tensor_subtract')
    c = torch_tensor_multiply(a, b)
    call check(same(z, x * y), 'torch_tensor_multiply')
    c = torch_tensor_divide(a, b)
    call check(same(z, x / y), 'torch_tensor_divide')
    c = torch_tensor_negative(a)
    call check(same(z, -x), 'torch_tensor_negative')
    c = torch_tensor_power_int8(a, 2_int8)
    call check(same(z, x**2), 'torch_tensor_power_int8')
    c = torch_tensor_power_real64(a, 0.5_real64)
    call check(same(z, sqrt(x)), 'torch_tensor_power_real64')
    call torch_tensor_assign(c, a)
    call check(same(z, x), 'torch_tensor_assign')
    call torch_tensor_from_array(g, slope, torch_kCPU)
    call torch_tensor_backward_with_external_gradient(c, b)
    call torch_tensor_get_gradient(g, a)
    call check(same(slope, y), 'torch_tensor_backward_with_external_gradient')
    c = torch_tensor_multiply(a, a)
    call torch_tensor_zero_grad(a)
    call torch_tensor_backward_without_external_gradient(c)
    call torch_tensor_get_gradient(g, a)
    call check(same(slope, 2 * x), 'torch_tensor_backward_without_external_gradient')
    ! layout keeps the shape and reads the memory in the other order
    call torch_tensor_from_array_legacy(a, x, [2, 1], torch_kCPU)
    c = a
    call check(same(z, reshape([1.0, 4.0, 2.0, 5.0, 3.0, 6.0], [2, 3])), 'torch_tensor_from_array_legacy')
    call torch_tensor_from_array_real32_2d_legacy(a, x, [2, 1], torch_kCPU)
    c = a
    call check(same(z, reshape([1.0, 4.0, 2.0, 5.0, 3.0, 6.0], [2, 3])), 'the specific of it')
  end subroutine specifics

  subroutine newer_arguments()
    !! permute_dims between device_index and requires_grad, and strides instead of a layout.
    type(torch_tensor) :: a, b
    real(real32), target :: x(2, 3), y(3, 2)
    x = reshape([1, 2, 3, 4, 5, 6], [2, 3])
    call torch_tensor_from_array(b, y, torch_kCPU)
    call torch_tensor_from_array(a, x, torch_kCPU, -1, [2, 1], .true.)
    call check(all(a%get_shape() == [3, 2]) .and. a%requires_grad(), 'by position')
    b = a
    call check(same(y, transpose(x)), 'values by position')
    y = 0
    call torch_tensor_from_array(a, x, torch_kCPU, permute_dims=[2, 1], requires_grad=.false.)
    b = a
    call check(same(y, transpose(x)) .and. .not. a%requires_grad(), 'by keywords')
    y = 0
    call torch_tensor_from_blob(a, c_loc(x), 2, [3_int64, 2_int64], [2_int64, 1_int64], torch_kFloat32, torch_kCPU, -1, .false.)
    b = a
    call check(same(y, transpose(x)), 'tensor_strides by position')
    y = 0
    call torch_tensor_from_blob(a, c_loc(x), 2, [3_int64, 2_int64], tensor_strides=[2_int64, 1_int64], dtype=torch_kFloat32, &
      device_type=torch_kCPU)
    b = a
    call check(same(y, transpose(x)), 'tensor_strides by keyword')
  end subroutine newer_arguments

  subroutine weights_of_files()
    !! Without requires_grad the weights are what they are in the file, and so they are saved.
    type(torch_model) :: model
    type(torch_tensor) :: parameters(2)
    call torch_model_load(model, 'linear_plain.pt', torch_kCPU)
    call torch_model_parameters(model, parameters)
    call check(parameters(1)%requires_grad() .and. parameters(2)%requires_grad(), 'trainable as in the file')
    call torch_model_save(model, 'ftorch1_trainable.pt')
    call torch_model_load(model, 'linear_plain.pt', torch_kCPU, requires_grad=.false.)
    call torch_model_parameters(model, parameters)
    call check(.not. (parameters(1)%requires_grad() .or. parameters(2)%requires_grad()), 'frozen on request')
    call torch_model_save(model, 'ftorch1_frozen.pt')
    call torch_model_load(model, 'ftorch1_frozen.pt', torch_kCPU)
    call torch_model_parameters(model, parameters)
    call check(.not. (parameters(1)%requires_grad() .or. parameters(2)%requires_grad()), 'frozen as in the file')
    call torch_model_load(model, 'ftorch1_frozen.pt', torch_kCPU, requires_grad=.true.)
    call torch_model_parameters(model, parameters)
    call check(parameters(1)%requires_grad() .and. parameters(2)%requires_grad(), 'trainable on request')
  end subroutine weights_of_files

  subroutine zeroed_gradients()
    type(torch_tensor) :: a, q, g
    type(torch_optim) :: optim
    real(real32), target :: x(2, 1), slope(2, 1)
    x = 3
    call torch_tensor_from_array(a, x, torch_kCPU, requires_grad=.true.)
    call torch_tensor_from_array(g, slope, torch_kCPU)
    call torch_tensor_zero_grad(a)  ! nothing yet: nothing to do
    q = a * a
    call torch_tensor_backward(q)
    call torch_tensor_get_gradient(g, a)
    call check(all(abs(slope - 6) <= 0), 'the gradient')
    call a%zero_grad()
    call torch_tensor_get_gradient(g, a)
    call check(all(abs(slope) <= 0), 'zero, and still there')
    call torch_optim_SGD(optim, [a], learning_rate=1.0_real64)
    call optim%step()
    call check(all(abs(x - 3) <= 0), 'a step along a gradient of zero')
    q = a * a * a
    call torch_tensor_backward(q)
    call torch_tensor_get_gradient(g, a)
    call check(all(abs(slope - 27) <= 0), 'accumulates from zero')
  end subroutine zeroed_gradients

  subroutine vectors_backward()
    !! Without an external gradient it is one for every element.
    type(torch_tensor) :: a, q, g
    real(real32), target :: x(2, 3), slope(2, 3)
    x = reshape([1, 2, 3, 4, 5, 6], [2, 3])
    call torch_tensor_from_array(a, x, torch_kCPU, requires_grad=.true.)
    call torch_tensor_from_array(g, slope, torch_kCPU)
    q = a * a
    call torch_tensor_backward(q, retain_graph=.true.)
    call torch_tensor_get_gradient(g, a)
    call check(same(slope, 2 * x), 'of six elements')
    call torch_tensor_backward(q)
    call torch_tensor_get_gradient(g, a)
    call check(same(slope, 4 * x), 'twice')
  end subroutine vectors_backward

  subroutine recorded_outputs()
    !! With requires_grad=.true. the array behind an output gets the values, and the output its history.
    type(torch_model) :: model
    type(torch_tensor) :: inputs(1), outputs(1), parameters(2), total, g
    real(real32), target :: x(2, 5), y(2, 3), again(2, 3), sum_of_all(1), slope(3)
    x = 1
    y = -1
    call torch_tensor_from_array(inputs(1), x, torch_kCPU)
    call torch_tensor_from_array(outputs(1), again, torch_kCPU)
    call torch_model_load(model, 'linear_plain.pt', torch_kCPU)
    call torch_model_forward(model, inputs, outputs)
    call torch_tensor_from_array(outputs(1), y, torch_kCPU)
    call torch_model_forward(model, inputs, outputs, requires_grad=.true.)
    call check(same(y, again), 'the array has the values')
    call torch_tensor_from_array(total, sum_of_all, torch_kCPU)
    call torch_tensor_sum(total, outputs(1))
    call torch_tensor_backward(total)
    call torch_model_parameters(model, parameters)
    call torch_tensor_from_array(g, slope, torch_kCPU)
    call torch_tensor_get_gradient(g, parameters(2))
    call check(all(abs(slope - 2) <= 0), 'the gradient of the bias')
    y = -1
    call torch_model_forward(model, inputs, outputs, requires_grad=.true.)
    call check(all(abs(y + 1) <= 0), 'what was replaced no longer shows the array')
  end subroutine recorded_outputs

  subroutine outputs_as_intent_in()
    type(torch_model) :: model
    type(torch_tensor) :: inputs(1), outputs(1), before, total
    real(real32), target :: x(2, 5), y(2, 3), sum_of_all(1)
    x = 1
    y = -1
    call torch_tensor_from_array(inputs(1), x, torch_kCPU)
    call torch_tensor_from_array(outputs(1), y, torch_kCPU)
    call torch_model_load(model, 'linear_plain.pt', torch_kCPU)
    before%p = outputs(1)%p
    call hand_on(model, inputs, outputs)
    call check(.not. any(abs(y + 1) <= 0), 'written')
    call hand_on(model, inputs, outputs, requires_grad=.true.)
    call check(c_associated(before%p, outputs(1)%p), 'the handle is what it was')
    call torch_tensor_from_array(total, sum_of_all, torch_kCPU)
    call torch_tensor_sum(total, outputs(1))
    call torch_tensor_backward(total)
    call check(abs(sum_of_all(1) - sum(y)) <= 1e-5 * abs(sum(y)), 'the result')
    before%p = c_null_ptr
  end subroutine outputs_as_intent_in

  subroutine hand_on(model, inputs, outputs, requires_grad)
    type(torch_model), intent(in) :: model
    type(torch_tensor), intent(in) :: inputs(:), outputs(:)
    logical, optional, intent(in) :: requires_grad
    call torch_model_forward(model, inputs, outputs, requires_grad)
  end subroutine hand_on

  subroutine file_names()
    type(torch_model) :: model
    character(len=64) :: name
    name = '   ftorch1_blanks.pt'
    call torch_model_load(model, '  linear_plain.pt ', torch_kCPU)
    call torch_model_save(model, name)
    call torch_model_load(model, 'ftorch1_blanks.pt', torch_kCPU)
  end subroutine file_names

  subroutine index_of_the_cpu()
    type(torch_model) :: model
    type(torch_tensor) :: a
    real(real32), target :: x(2)
    call torch_model_load(model, 'linear_plain.pt', torch_kCPU, device_index=3)
    call torch_tensor_from_array(a, x, torch_kCPU, device_index=2)
    call check(a%get_device_index() == -1, 'the CPU has none')
    call torch_tensor_empty(a, 1, [2_int64], torch_kFloat32, torch_kCPU, 5)
    call torch_tensor_from_blob(a, c_loc(x), 1, [2_int64], [1], torch_kFloat32, torch_kCPU, device_index=1)
  end subroutine index_of_the_cpu

  subroutine lists()
    !! One expression for all elements of an array of tensors.
    type(torch_tensor) :: a, list(3), copies(3), table(2, 2), g
    real(real32), target :: x(2, 1), second(2, 1), slope(2, 1)
    integer :: i
    x = 3
    call torch_tensor_from_array(a, x, torch_kCPU, requires_grad=.true.)
    call torch_tensor_from_array(list(2), second, torch_kCPU)
    list = a + a
    call check(all(abs(second - 6) <= 0), 'written through')
    call torch_tensor_from_array(g, slope, torch_kCPU)
    do i = 1, 3
      call torch_tensor_backward(list(i), retain_graph=.true.)
    end do
    call torch_tensor_get_gradient(g, a)
    call check(all(abs(slope - 6) <= 0), 'each with its history')
    table = a * a
    call check(all(table(2, 1)%get_shape() == [2, 1]), 'of two dimensions')
    list(1:2) = table(1, :)
    list(3:) = list(1)
    list(3:2) = a + a  ! none
    call check(all(list(3)%get_shape() == [2, 1]), 'from a variable')
    call torch_tensor_ones(a, 1, [4_int64], torch_kFloat32, torch_kCPU)
    copies = a
    call check(all(copies(3)%get_shape() == [4]) .and. .not. c_associated(copies(1)%p, copies(2)%p), 'copies')
  end subroutine lists

end module ftorch1_habits_scenarios

program ftorch1_habits
  use :: ftorch1_habits_scenarios
  use :: ftorch, only: torch_live_handles
  implicit none (type, external)
  call names_that_come_along()
  call specifics()
  call newer_arguments()
  call weights_of_files()
  call zeroed_gradients()
  call vectors_backward()
  call recorded_outputs()
  call outputs_as_intent_in()
  call file_names()
  call index_of_the_cpu()
  call lists()
  if (torch_live_handles() /= 0) error stop 'handles are left'
  write (*, '(a)') 'as there'
end program ftorch1_habits
