module ftorch1_scenarios
  !! Tensor and model calls as programs for FTorch 1.1 write them: two modules in one scope, names in `only:` lists.
  use, intrinsic :: iso_c_binding, only: c_associated, c_int64_t, c_loc
  use, intrinsic :: iso_fortran_env, only: int16, int32, int64, int8, real32, real64
  use :: ftorch
  use :: ftorch_tensor
  implicit none (type, external)
  private
  public :: creation, arrays, blobs, queries, arithmetic, gradients, networks

contains

  subroutine check(fact, what)
    logical, intent(in) :: fact
    character(len=*), intent(in) :: what
    if (.not. fact) error stop what
  end subroutine check

  subroutine creation()
    type(torch_tensor) :: a, b, c
    integer(c_int64_t), parameter :: tensor_shape(2) = [2_c_int64_t, 3_c_int64_t]
    real(real32), pointer :: p(:, :)
    call torch_tensor_empty(a, 2, tensor_shape, torch_kFloat32, torch_kCPU)
    call torch_tensor_zeros(b, 2, tensor_shape, torch_kFloat32, torch_kCPU, device_index=-1, requires_grad=.false.)
    call torch_tensor_ones(c, ndims=2, tensor_shape=tensor_shape, dtype=torch_kFloat32, device_type=torch_kCPU)
    call check(all(a%get_shape() == tensor_shape), 'shape of empty')
    call torch_tensor_to_array(b, p)
    call check(all(abs(p) <= 0), 'zeros')
    call torch_tensor_to_array(c, p)
    call check(all(abs(p - 1) <= 0), 'ones')
    call torch_tensor_zero(c)
    call check(all(abs(p) <= 0), 'zeroed')
    call torch_tensor_delete(a)
    call check(.not. c_associated(a%p), 'null after delete')
  end subroutine creation

  subroutine arrays()
    type(torch_tensor) :: t
    real(real32), target :: in_data(2, 3)
    integer(int8), target :: a8(2)
    integer(int16), target :: a16(2)
    integer(int32), target :: a32(2)
    integer(int64), target :: a64(2)
    real(real64), target :: r64(2, 3, 4)
    integer, parameter :: tensor_layout(2) = [1, 2], transposed(2) = [2, 1]
    real(real32), pointer :: p(:, :)
    in_data = reshape([1, 2, 3, 4, 5, 6], [2, 3])
    a8 = 1
    a16 = 1
    a32 = 1
    a64 = 1
    r64 = 1
    call torch_tensor_from_array(t, in_data, tensor_layout, torch_kCPU)
    call torch_tensor_to_array(t, p)
    call check(associated(p, in_data), 'the array itself')
    ! The quirk of `layout`: the shape stays, the memory is read in the other order.
    call torch_tensor_from_array(t, in_data, transposed, torch_kCPU, requires_grad=.false.)
    call torch_tensor_to_array(t, p)
    call check(all(shape(p) == [2, 3]), 'the shape stays')
    call check(all(abs(p - reshape([1, 4, 2, 5, 3, 6], [2, 3])) <= 0), 'the memory is read row by row')
    call torch_tensor_from_array(t, a8, torch_kCPU)
    call check(t%get_dtype() == torch_kInt8, 'int8')
    call torch_tensor_from_array(t, a16, [1], torch_kCPU)
    call check(t%get_dtype() == torch_kInt16, 'int16')
    call torch_tensor_from_array(t, a32, torch_kCPU, device_index=-1)
    call check(t%get_dtype() == torch_kInt32, 'int32')
    call torch_tensor_from_array(t, a64, torch_kCPU)
    call check(t%get_dtype() == torch_kInt64, 'int64')
    call torch_tensor_from_array(t, r64, [1, 2, 3], torch_kCPU)
    call check(t%get_dtype() == torch_kFloat64 .and. t%get_rank() == 3, 'float64')
  end subroutine arrays

  subroutine blobs()
    type(torch_tensor) :: t
    real(real32), target :: memory(6)
    real(real32), pointer :: p(:, :)
    memory = [1, 2, 3, 4, 5, 6]
    call torch_tensor_from_blob(t, c_loc(memory), 2, [2_c_int64_t, 3_c_int64_t], [1, 2], torch_kFloat32, torch_kCPU)
    call torch_tensor_to_array(t, p)
    call check(all(abs(p - reshape([1, 2, 3, 4, 5, 6], [2, 3])) <= 0), 'column-major blob')
    call torch_tensor_from_blob(t, c_loc(memory), 2, [2_c_int64_t, 3_c_int64_t], [2, 1], torch_kFloat32, torch_kCPU, &
      device_index=-1, requires_grad=.false.)
    call torch_tensor_to_array(t, p)
    call check(all(abs(p - reshape([1, 4, 2, 5, 3, 6], [2, 3])) <= 0), 'row-major blob')
  end subroutine blobs

  subroutine queries()
    type(torch_tensor) :: t
    integer(int64), pointer :: sizes(:), strides(:)
    call torch_tensor_ones(t, 2, [2_int64, 3_int64], torch_kFloat64, torch_kCPU, requires_grad=.true.)
    sizes => torch_tensor_get_shape(t)
    strides => t%get_stride()
    call check(all(sizes == [2, 3]) .and. all(strides == [3, 1]), 'shape and strides')
    strides => torch_tensor_get_stride(t)
    call check(all(strides == [3, 1]), 'strides by the function')
    call check(torch_tensor_get_rank(t) == 2 .and. torch_tensor_get_dtype(t) == torch_kFloat64, 'rank and dtype')
    call check(torch_tensor_get_device_type(t) == torch_kCPU .and. torch_tensor_get_device_index(t) == -1, 'device')
    call check(t%get_device_type() == torch_kCPU .and. t%get_device_index() == -1, 'device by the methods')
    call check(torch_tensor_requires_grad(t) .and. t%requires_grad(), 'requires_grad')
    call torch_tensor_print(t)
    call t%print()
  end subroutine queries

  subroutine arithmetic()
    type(torch_tensor) :: a, b, q
    real(real32), target :: va(3), vb(3), out(3)
    va = [1, 2, 3]
    vb = [4, 5, 6]
    call torch_tensor_from_array(a, va, [1], torch_kCPU)
    call torch_tensor_from_array(b, vb, [1], torch_kCPU)
    call torch_tensor_from_array(q, out, [1], torch_kCPU)
    q = a + b
    call check(all(abs(out - (va + vb)) <= 0), '+')
    q = a - b
    call check(all(abs(out - (va - vb)) <= 0), '-')
    q = -a
    call check(all(abs(out + va) <= 0), 'unary -')
    q = a * b
    call check(all(abs(out - va * vb) <= 0), '*')
    q = b / a
    call check(all(abs(out - vb / va) < 1e-6), '/')
    q = a ** 2_int8
    call check(all(abs(out - va ** 2) <= 0), 'int8 power')
    q = a ** 2_int16
    q = a ** 3
    call check(all(abs(out - va ** 3) <= 0), 'int32 power')
    q = a ** 2_int64
    q = a ** 0.5_real32
    call check(all(abs(out - sqrt(va)) < 1e-6), 'real32 power')
    q = a ** 0.5_real64
    q = a
    call check(all(abs(out - va) <= 0), '=')
  end subroutine arithmetic

  subroutine gradients()
    type(torch_tensor) :: a, q, s, g, external_gradient
    real(real32), target :: va(3), total(1), grad(3), ones(3)
    va = [1, 2, 3]
    ones = 1
    call torch_tensor_from_array(a, va, [1], torch_kCPU, requires_grad=.true.)
    call torch_tensor_from_array(s, total, [1], torch_kCPU)
    call torch_tensor_from_array(g, grad, [1], torch_kCPU)
    call torch_tensor_from_array(external_gradient, ones, [1], torch_kCPU)
    q = a ** 2
    call torch_tensor_backward(q, external_gradient, retain_graph=.true.)
    call torch_tensor_get_gradient(g, a)
    call check(all(abs(grad - 2 * va) <= 0), 'gradient by an external gradient')
    call torch_tensor_zero_grad(a)
    call torch_tensor_sum(s, q)
    call check(abs(total(1) - 14) <= 0, 'sum')
    call torch_tensor_mean(s, q)
    call check(abs(total(1) - 14.0 / 3.0) < 1e-6, 'mean')
  end subroutine gradients

  subroutine networks()
    type(torch_model) :: model
    type(torch_tensor) :: in_tensors(2), out_tensors(2), parameters(2)
    real(real32), target :: a(2, 3), b(2, 3), c(2, 3), d(2, 3)
    integer, parameter :: layout(2) = [1, 2]
    a = reshape([1, 2, 3, 4, 5, 6], [2, 3])
    b = 10
    call torch_tensor_from_array(in_tensors(1), a, layout, torch_kCPU)
    call torch_tensor_from_array(in_tensors(2), b, layout, torch_kCPU)
    call torch_tensor_from_array(out_tensors(1), c, layout, torch_kCPU)
    call torch_tensor_from_array(out_tensors(2), d, layout, torch_kCPU)
    call torch_model_load(model, 'pair_plain.pt', torch_kCPU)
    call torch_model_forward(model, in_tensors, out_tensors)
    call check(all(abs(c - (a + b)) <= 0) .and. all(abs(d - (a - 2 * b)) <= 0), 'two outputs')
    call torch_model_forward(model, in_tensors, out_tensors, requires_grad=.true.)
    call torch_model_save(model, 'saved_again.pt')
    call torch_model_delete(model)
    call torch_model_load(model, 'linear_plain.pt', torch_kCPU, device_index=-1, requires_grad=.true., is_training=.false.)
    call check(.not. torch_model_is_training(model) .and. .not. model%is_training(), 'evaluation mode')
    call torch_model_print_parameters(model)
    call model%print_parameters()
    call torch_model_parameters(model, parameters)
    call check(all(parameters(1)%get_shape() == [3, 5]), 'weights')
    call torch_delete(in_tensors)
    call torch_delete(out_tensors)
    call torch_delete(model)
  end subroutine networks

end module ftorch1_scenarios

program ftorch1_tensors
  use, intrinsic :: iso_fortran_env, only: real32
  use :: ftorch, only: assignment(=), operator(+), operator(-), operator(*), operator(/), operator(**), torch_kCPU, &
    torch_live_handles, torch_tensor, torch_tensor_from_array
  use :: ftorch_tensor, only: torch_tensor_from_blob
  use :: ftorch_types, only: ftorch_int, torch_kFloat32, torch_kMean, torch_kNone, torch_kSum
  use :: ftorch1_scenarios
  implicit none (type, external)
  call creation()
  call arrays()
  call blobs()
  call queries()
  call arithmetic()
  call gradients()
  call networks()
  call named()
  if (torch_live_handles() /= 0) error stop 'handles are left'
  if (any([torch_kNone, torch_kMean, torch_kSum] /= [0_ftorch_int, 1_ftorch_int, 2_ftorch_int])) error stop 'reductions'
  write (*, '(a)') 'all of FTorch 1.1'

contains

  subroutine named()
    type(torch_tensor) :: a, b
    real(real32), target :: values(2)
    values = 3
    call torch_tensor_from_array(a, values, [1], torch_kCPU)
    b = (a + a * a - a / a) ** 2
    b = -b
  end subroutine named

end program ftorch1_tensors
