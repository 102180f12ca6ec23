module ftorch_device_memory
  !! Memory of a device: what PyTorch has of it, keeps of it, and may take.
  use, intrinsic :: iso_c_binding, only: c_int32_t, c_int64_t
  use, intrinsic :: iso_fortran_env, only: int64
  use :: ftorch_capi, only: ctorch_device_empty_cache, ctorch_device_limit_memory, ctorch_device_memory
  use :: ftorch_error, only: check_status, int_or
  use :: ftorch_types, only: ftorch_int
  implicit none (type, external)
  private

  public :: torch_memory_stats, torch_empty_cache, torch_memory_limit

contains

  subroutine torch_memory_stats(device_type, device_index, allocated, peak, reserved, free, total, stat, errmsg)
    !! Bytes of a device's memory. All are 0 for the CPU, whose memory is the operating system's; what a kind of device does not
    !! tell is 0, too.
    integer(ftorch_int), intent(in) :: device_type
    integer(ftorch_int), optional, intent(in) :: device_index
    integer(int64), optional, intent(out) :: allocated
      !! In tensors
    integer(int64), optional, intent(out) :: peak
      !! The most that ever were in tensors
    integer(int64), optional, intent(out) :: reserved
      !! Taken from the device by PyTorch: tensors, and what it keeps for the next ones
    integer(int64), optional, intent(out) :: free
      !! Free on the device, whoever has the rest: this program, PyTorch, other processes
    integer(int64), optional, intent(out) :: total
      !! Of the device
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    integer(c_int64_t) :: bytes(5)
    integer(c_int32_t) :: status
    bytes = 0
    status = ctorch_device_memory(device_type, int_or(device_index, -1_c_int32_t), bytes(1), bytes(2), bytes(3), bytes(4), bytes(5))
    if (present(allocated)) allocated = bytes(1)
    if (present(peak)) peak = bytes(2)
    if (present(reserved)) reserved = bytes(3)
    if (present(free)) free = bytes(4)
    if (present(total)) total = bytes(5)
    call check_status(status, 'torch_memory_stats', stat, errmsg)
  end subroutine torch_memory_stats

  subroutine torch_empty_cache(device_type, stat, errmsg)
    !! Gives back to the devices of a type what PyTorch keeps of their memory and has in no tensor, so that the program's own
    !! allocations and other processes find it. Nothing to give back on the CPU.
    integer(ftorch_int), intent(in) :: device_type
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_device_empty_cache(device_type), 'torch_empty_cache', stat, errmsg)
  end subroutine torch_empty_cache

  subroutine torch_memory_limit(bytes, device_type, device_index, stat, errmsg)
    !! The most that PyTorch may take of a device from now on, for several ranks on one device, or beside the program's own
    !! arrays. A call that needs more fails with torch_error_memory. As much as the device has, or more, is no limit. For CUDA.
    integer(int64), intent(in) :: bytes
    integer(ftorch_int), intent(in) :: device_type
    integer(ftorch_int), optional, intent(in) :: device_index
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_device_limit_memory(bytes, device_type, int_or(device_index, -1_c_int32_t)), 'torch_memory_limit', &
      stat, errmsg)
  end subroutine torch_memory_limit

end module ftorch_device_memory
