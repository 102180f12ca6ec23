module placement_scenarios
  !! Where tensors and models live, and how often data crosses to the device and back.
  use, intrinsic :: iso_c_binding, only: c_associated, c_f_pointer, c_int64_t, c_loc, c_ptr
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: fake_runtime, only: allocate_on_device, check, copies_in, copies_out, dev, refused_with => refused, release_memory
  use :: ftorch
  implicit none (type, external)
  private
  public :: devices, arrays, memory_of_the_device, results, mixed, models, second_device

  integer(int64) :: in_before, out_before

contains

  subroutine count_from_here()
    in_before = copies_in()
    out_before = copies_out()
  end subroutine count_from_here

  subroutine copied(to_device, from_device, what)
    integer, intent(in) :: to_device, from_device
    character(len=*), intent(in) :: what
    character(len=80) :: numbers
    if (copies_in() - in_before == to_device .and. copies_out() - out_before == from_device) return
    write (numbers, '(2(a,i0))') ': copies in ', copies_in() - in_before, ', out ', copies_out() - out_before
    error stop what // trim(numbers)
  end subroutine copied

  subroutine refused(status, message, fragment)
    integer, intent(in) :: status
    character(len=*), intent(in) :: message, fragment
    call refused_with(status, torch_error_device, message, fragment)
  end subroutine refused

  subroutine devices()
    character(len=200) :: message
    integer :: status
    type(torch_tensor) :: t
    real(real32), target :: a(2)
    a = 0
    call check(torch_device_count(dev) == 2, 'two devices')
    call check(torch_device_available(dev) .and. torch_device_available(dev, 1), 'both can be used')
    call check(.not. torch_device_available(dev, 2), 'and no third')
    call torch_synchronize(dev)
    call torch_tensor_from_array(t, a, device_type=dev, device_index=2, stat=status, errmsg=message)
    call refused(status, message, 'there are 2 privateuse1 devices (0 to 1), got 2')
    call torch_tensor_from_array(t, a, device_type=torch_kCUDA, stat=status, errmsg=message)
    call refused(status, message, 'present here: cpu, privateuse1 (2)')
  end subroutine devices

  subroutine arrays()
    type(torch_tensor) :: t
    real(real32), target :: a(4, 6), back(4, 6), part(2, 6)
    integer :: i
    a = reshape([(real(i), i=1, 24)], [4, 6])
    call count_from_here()
    call torch_tensor_from_array(t, a, device_type=dev)
    call copied(1, 0, 'an array is copied to the device once')
    call check(t%get_device_type() == dev .and. t%get_device_index() == 0, 'it lives there')
    a = -1
    call torch_tensor_copy_to(t, back)
    call copied(1, 1, 'and back once')
    call check(all(abs(back - reshape([(real(i), i=1, 24)], [4, 6])) <= 0), 'the same values')
    a = back
    call count_from_here()
    call torch_tensor_from_array(t, a(2::2, :), device_type=dev)
    call copied(1, 0, 'a section is copied once')
    call torch_tensor_copy_to(t, part)
    call check(all(abs(part - a(2::2, :)) <= 0), 'the values of the section')
    call count_from_here()
    call torch_tensor_from_array(t, a(:, 6:1:-1), device_type=dev, copy=.true.)
    call copied(1, 0, 'a section that runs backwards is copied once')
    call torch_tensor_copy_to(t, back)
    call check(all(abs(back - a(:, 6:1:-1)) <= 0), 'backwards')
    call count_from_here()
    call torch_tensor_from_array(t, a, device_type=dev, permute_dims=[2, 1])
    call check(all(t%get_shape() == [6, 4]), 'permuted')
    call torch_tensor_copy_to(t, back, permute_dims=[2, 1])
    call copied(1, 1, 'permuted there and back')
    call check(all(abs(back - a) <= 0), 'permuted twice is as before')
  end subroutine arrays

  subroutine memory_of_the_device()
    type(torch_tensor) :: t
    type(c_ptr) :: block
    real(real32), pointer :: words(:)
    real(real32), target :: a(6)
    block = allocate_on_device(24_c_int64_t)
    call c_f_pointer(block, words, [6])
    words = [1, 2, 3, 4, 5, 6]
    call count_from_here()
    call torch_tensor_from_pointer(t, block, 2, [2_int64, 3_int64], torch_kFloat32, dev, on_device=.true.)
    call copied(0, 0, 'memory of the device is wrapped')
    call check(t%get_device_type() == dev, 'as a tensor of the device')
    call check(c_associated(torch_tensor_data_pointer(t), block), 'at its own address')
    call torch_tensor_zero(t)
    call torch_synchronize(dev)
    call check(all(abs(words) <= 0), 'written through')
    call torch_delete(t)
    call check(size(words) == 6 .and. abs(words(6)) <= 0, 'the memory stays with the program')
    call release_memory(block)
    a = 7
    call count_from_here()
    call torch_tensor_from_pointer(t, c_loc(a), 1, [6_int64], torch_kFloat32, dev)
    call copied(1, 0, 'memory of the host is copied to the device')
  end subroutine memory_of_the_device

  subroutine results()
    type(torch_tensor) :: t, host, wrapped
    real(real32), target :: a(3), b(3)
    real(real32), pointer :: p(:)
    character(len=200) :: message
    integer :: status
    a = [1, 2, 3]
    b = 0
    call torch_tensor_from_array(t, a, device_type=dev)
    call torch_tensor_to_array(t, p, stat=status, errmsg=message)
    call refused(status, message, 'copy it with torch_tensor_copy_to or move it')
    call count_from_here()
    call torch_tensor_from_array(wrapped, b)
    call torch_tensor_to(t, wrapped)
    call copied(0, 1, 'into an array, once')
    call check(all(abs(b - a) <= 0), 'the values')
    call torch_tensor_to(t, host, torch_kSame, device_type=torch_kCPU)
    call copied(0, 2, 'into a new tensor, once')
    call torch_tensor_to_array(host, p)
    call check(all(abs(p - a) <= 0), 'the values again')
    call count_from_here()
    t = t + t
    call check(t%get_device_type() == dev, 'results stay on the device')
    call copied(0, 0, 'operations copy nothing')
    call torch_tensor_copy_to(t, b)
    call check(all(abs(b - 2 * a) <= 0), 'computed there')
  end subroutine results

  subroutine mixed()
    type(torch_model) :: model
    type(torch_tensor) :: x(1), y(1)
    real(real32), target :: a(2, 5), b(2, 3)
    character(len=300) :: message
    integer :: status
    a = 1
    b = -1
    call torch_model_load(model, 'linear.pt', dev)
    call torch_tensor_from_array(x(1), a)
    call torch_model_forward(model, x, y, stat=status, errmsg=message)
    call refused(status, message, 'is on cpu, the model is on privateuseone:0')
    call torch_tensor_from_array(x(1), a, device_type=dev, device_index=1)
    call torch_model_forward(model, x, y, stat=status, errmsg=message)
    call refused(status, message, 'is on privateuseone:1, the model is on privateuseone:0')
    call torch_tensor_from_array(x(1), a, device_type=dev)
    call torch_tensor_from_array(y(1), b)
    call torch_model_forward(model, x, y, stat=status, errmsg=message)
    call refused(status, message, 'the result is on privateuseone:0, the tensor given for it on cpu')
    call check(all(abs(b + 1) <= 0), 'nothing was written')
    call torch_delete(model)
    call torch_model_load(model, 'linear.pt')
    call torch_model_forward(model, x, y, stat=status, errmsg=message)
    call refused(status, message, 'is on privateuseone:0, the model is on cpu')
  end subroutine mixed

  subroutine models(index)
    integer, intent(in) :: index
    type(torch_model) :: model
    type(torch_tensor) :: x(1), y(1), weights(2)
    real(real32), target :: a(2, 5), b(2, 3)
    real(real64) :: difference
    call torch_model_load(model, 'linear.pt', dev, device_index=index)
    call torch_model_parameters(model, weights)
    call check(weights(1)%get_device_type() == dev .and. weights(1)%get_device_index() == index, 'the weights are there')
    call torch_model_self_test(model, difference)
    call check(difference < 1e-6, 'it reproduces its sample there')
    a = 1
    b = 0
    call count_from_here()
    call model%infer(a, b)
    call copied(1, 1, 'infer copies in once and out once')
    call check(all(abs(b(1, :) - [15, 31, 47]) <= 0) .and. all(abs(b(2, :) - b(1, :)) <= 0), 'right numbers')
    call count_from_here()
    call torch_tensor_from_array(x(1), a, device_type=dev, device_index=index)
    call torch_tensor_zeros(y(1), 2, [2_int64, 3_int64], torch_kFloat32, dev, device_index=index)
    call copied(1, 0, 'one copy for the input')
    call torch_model_forward(model, x, y)
    call copied(1, 0, 'forward on the device copies nothing')
    b = 0
    call torch_tensor_copy_to(y(1), b)
    call copied(1, 1, 'one copy for the result')
    call check(all(abs(b(1, :) - [15, 31, 47]) <= 0), 'the same numbers')
  end subroutine models

  subroutine second_device()
    type(torch_tensor) :: t, u, v
    real(real32), target :: a(3), b(3)
    a = [1, 2, 3]
    call torch_tensor_from_array(t, a, device_type=dev, device_index=1)
    call check(t%get_device_index() == 1, 'device 1')
    u = t * t
    call check(u%get_device_index() == 1, 'results stay on device 1')
    call torch_tensor_zeros(v, 1, [3_int64], torch_kFloat32, dev, device_index=0)
    call torch_tensor_to(u, v)
    call check(v%get_device_index() == 0, 'from one device to the other')
    call torch_tensor_copy_to(v, b)
    call check(all(abs(b - a * a) <= 0), 'with its values')
  end subroutine second_device

end module placement_scenarios

program placement
  use :: ftorch, only: operator(+), torch_kPrivateUse1, torch_tensor, torch_tensor_from_array
  use :: fake_runtime, only: finish
  use :: placement_scenarios
  implicit none (type, external)
  character(len=16) :: name
  call get_command_argument(1, name)
  select case (name)
  case ('devices')
    call devices()
  case ('arrays')
    call arrays()
  case ('memory')
    call memory_of_the_device()
  case ('results')
    call results()
  case ('mixed')
    call mixed()
  case ('models')
    call models(0)
    call models(1)
  case ('second')
    call second_device()
  case ('mixed_sum')
    call mixed_sum()
  case default
    error stop 'no such scenario'
  end select
  call finish()

contains

  subroutine mixed_sum()
    !! Stops: operators have no stat.
    type(torch_tensor) :: here, there, nowhere
    real, target :: a(3)
    a = 1
    call torch_tensor_from_array(here, a)
    call torch_tensor_from_array(there, a, device_type=torch_kPrivateUse1)
    nowhere = here + there
  end subroutine mixed_sum

end program placement
