module current_scenarios
  !! A device index that is left out means the device that is current on the thread.
  use, intrinsic :: iso_c_binding, only: c_bool, c_f_pointer, c_int32_t, c_int64_t, c_loc, c_ptr
  use, intrinsic :: iso_fortran_env, only: int64, real32
  use :: fake_runtime
  use :: ftorch
  implicit none (type, external)
  private
  public :: tensors, models, waiting, generators

contains

  subroutine lives_on(t, index, what)
    type(torch_tensor), intent(in) :: t
    integer, intent(in) :: index
    character(len=*), intent(in) :: what
    call check(t%get_device_type() == dev .and. t%get_device_index() == index, what)
  end subroutine lives_on

  subroutine tensors()
    type(torch_tensor) :: t, moved
    real(real32), target :: a(3)
    integer(c_int32_t) :: index
    a = 1
    do index = 1, 0, -1
      call set_device(index)
      call torch_tensor_from_array(t, a, device_type=dev)
      call lives_on(t, int(index), 'an array')
      call torch_tensor_from_pointer(t, c_loc(a), 1, [3_int64], torch_kFloat32, dev)
      call lives_on(t, int(index), 'memory of the host')
      call torch_tensor_empty(t, 1, [3_int64], torch_kFloat32, dev)
      call lives_on(t, int(index), 'an empty tensor')
      call torch_tensor_zeros(t, 1, [3_int64], torch_kFloat32, dev)
      call lives_on(t, int(index), 'zeros')
      call torch_tensor_full(t, 2.0, [3_int64], device_type=dev)
      call lives_on(t, int(index), 'a number')
      t = torch_rand([3], device_type=dev)
      call lives_on(t, int(index), 'a function')
      call torch_tensor_from_array(t, a)
      call torch_tensor_to(t, moved, torch_kSame, device_type=dev)
      call lives_on(moved, int(index), 'a copy')
    end do
    call set_device(1_c_int32_t)
    call torch_tensor_from_array(t, a, device_type=dev, device_index=0)
    call lives_on(t, 0, 'an index that is given counts')
  end subroutine tensors

  subroutine models()
    type(torch_model) :: model
    type(torch_tensor) :: weights(2)
    call set_device(1_c_int32_t)
    call torch_model_load(model, 'linear.pt', dev)
    call torch_model_parameters(model, weights)
    call lives_on(weights(1), 1, 'a model that is loaded')
    call set_device(0_c_int32_t)
    call torch_model_to(model, dev)
    call torch_model_parameters(model, weights)
    call lives_on(weights(1), 0, 'a model that is moved')
  end subroutine models

  subroutine waiting()
    !! Waits for the current device, and for no other.
    type(c_ptr) :: blocks(0:1)
    real(real32), pointer :: here(:), there(:)
    type(torch_tensor) :: t(0:1)
    integer(c_int32_t) :: i
    do i = 0, 1
      call set_device(i)
      blocks(i) = allocate_on_device(8_c_int64_t)
      call torch_tensor_from_pointer(t(i), blocks(i), 1, [2_int64], torch_kFloat32, dev, device_index=i, on_device=.true.)
    end do
    call c_f_pointer(blocks(0), there, [2])
    call c_f_pointer(blocks(1), here, [2])
    here = 5
    there = 5
    call torch_tensor_zero(t(0))
    call torch_tensor_zero(t(1))
    call torch_synchronize(dev)
    call check(all(abs(here) <= 0), 'the current device has finished')
    call check(all(abs(there - 5) <= 0), 'nobody has waited for the other one')
    call torch_synchronize(dev, 0)
    call check(all(abs(there) <= 0), 'now somebody has')
    call torch_delete(t)
    call release_memory(blocks(0))
    call release_memory(blocks(1))
  end subroutine waiting

  logical function same(a, b)
    type(torch_tensor), intent(in) :: a, b
    logical(c_bool) :: answer
    call torch_tensor_item(torch_all(a == b), answer)
    same = answer
  end function same

  subroutine generators()
    type(torch_tensor) :: state, again, other
    call torch_manual_seed(3)
    call torch_get_rng_state(again, dev, 1)
    other = torch_rand([4], device_type=dev, device_index=0)
    call set_device(1_c_int32_t)
    call torch_get_rng_state(state, dev)
    call check(same(state, again), 'the state of the current device')
    other = torch_rand([4], device_type=dev)
    call torch_get_rng_state(state, dev)
    call check(.not. same(state, again), 'which has drawn now')
    call torch_set_rng_state(again, dev)
    call torch_get_rng_state(state, dev, 1)
    call check(same(state, again), 'and is set back')
  end subroutine generators

end module current_scenarios

program current
  use :: current_scenarios
  use :: fake_runtime, only: finish
  implicit none (type, external)
  character(len=16) :: name
  call get_command_argument(1, name)
  select case (name)
  case ('tensors')
    call tensors()
  case ('models')
    call models()
  case ('waiting')
    call waiting()
  case ('generators')
    call generators()
  case default
    error stop 'no such scenario'
  end select
  call finish()
end program current
