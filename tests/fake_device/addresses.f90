module addresses_scenarios
  !! Whose memory an address is: the run time of the device is asked.
  use, intrinsic :: iso_c_binding, only: c_f_pointer, c_int32_t, c_int64_t, c_intptr_t, c_loc, c_null_ptr, c_ptr
  use, intrinsic :: iso_fortran_env, only: int64, real32
  use :: fake_runtime
  use :: ftorch
  implicit none (type, external)
  private
  public :: found, named, host, pinned, nothing

contains

  type(c_ptr) function block_on(index, floats)
    integer(c_int32_t), intent(in) :: index
    integer, intent(in) :: floats
    call set_device(index)
    block_on = allocate_on_device(int(4 * floats, c_int64_t))
    call set_device(1 - index)
  end function block_on

  subroutine found()
    !! Without an index the tensor is where its memory is, whichever device is current.
    type(torch_tensor) :: t
    type(c_ptr) :: block, inside
    real(real32), pointer :: words(:)
    integer(c_int32_t) :: index
    do index = 0, 1
      block = block_on(index, 6)
      call torch_tensor_from_pointer(t, block, 1, [6_int64], torch_kFloat32, dev, on_device=.true.)
      call check(t%get_device_index() == index, 'found by its first byte')
      inside = transfer(transfer(block, 0_c_intptr_t) + 8_c_intptr_t, c_null_ptr)
      call torch_tensor_from_pointer(t, inside, 1, [4_int64], torch_kFloat32, dev, on_device=.true.)
      call check(t%get_device_index() == index, 'and by any other')
      call torch_tensor_zero(t)
      call torch_synchronize(dev, index)
      call c_f_pointer(block, words, [6])
      call check(all(abs(words(3:)) <= 0), 'written where it lies')
      call torch_delete(t)
      call release_memory(block)
    end do
  end subroutine found

  subroutine named()
    !! An index that is given must be the right one.
    type(torch_tensor) :: t
    type(c_ptr) :: block
    character(len=300) :: message
    integer :: status
    block = block_on(1_c_int32_t, 2)
    call torch_tensor_from_pointer(t, block, 1, [2_int64], torch_kFloat32, dev, device_index=1, on_device=.true.)
    call torch_tensor_from_pointer(t, block, 1, [2_int64], torch_kFloat32, dev, device_index=0, on_device=.true., &
      stat=status, errmsg=message)
    call refused(status, torch_error_device, message, &
      "argument 'device_index': got 0, the memory at argument 'data' is on privateuseone:1, not on privateuseone:0")
    call check(t%get_device_index() == 1, 'the tensor of before is still there')
    call torch_delete(t)
    call release_memory(block)
  end subroutine named

  subroutine host()
    !! Memory of the host is none of a device.
    type(torch_tensor) :: t
    real(real32), target :: a(2)
    character(len=300) :: message
    integer :: status
    a = 1
    call torch_tensor_from_pointer(t, c_loc(a), 1, [2_int64], torch_kFloat32, dev, on_device=.true., stat=status, errmsg=message)
    call refused(status, torch_error_device, message, &
      "argument 'data': expected memory of a privateuse1 device, since on_device is true, got memory of the host")
    call torch_tensor_from_pointer(t, c_loc(a), 1, [2_int64], torch_kFloat32, torch_kCPU, on_device=.true.)
    call check(t%get_device_type() == torch_kCPU, 'for the CPU it is the right one')
  end subroutine host

  subroutine pinned()
    type(torch_tensor) :: t
    type(c_ptr) :: block
    character(len=300) :: message
    integer :: status
    block = allocate_pinned(8_c_int64_t)
    call torch_tensor_from_pointer(t, block, 1, [2_int64], torch_kFloat32, dev, on_device=.true., stat=status, errmsg=message)
    call refused(status, torch_error_device, message, 'since on_device is true, got pinned memory of the host')
    call torch_tensor_from_pointer(t, block, 1, [2_int64], torch_kFloat32, torch_kCPU)
    call check(t%is_pinned(), 'the tensor over it says so')
    call torch_delete(t)
    call release_memory(block)
  end subroutine pinned

  subroutine nothing()
    !! No elements, no address to ask about.
    type(torch_tensor) :: t
    call set_device(1_c_int32_t)
    call torch_tensor_from_pointer(t, c_null_ptr, 2, [0_int64, 3_int64], torch_kFloat32, dev, on_device=.true.)
    call check(t%get_device_index() == 1 .and. t%numel() == 0, 'on the current device')
  end subroutine nothing

end module addresses_scenarios

program addresses
  use :: addresses_scenarios
  use :: fake_runtime, only: finish
  implicit none (type, external)
  character(len=16) :: name
  call get_command_argument(1, name)
  select case (name)
  case ('found')
    call found()
  case ('named')
    call named()
  case ('host')
    call host()
  case ('pinned')
    call pinned()
  case ('nothing')
    call nothing()
  case default
    error stop 'no such scenario'
  end select
  call finish()
end program addresses
