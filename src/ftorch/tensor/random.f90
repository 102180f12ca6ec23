module ftorch_random
  !! The states of PyTorch's random generators.
  use, intrinsic :: iso_c_binding, only: c_int32_t
  use :: ftorch_capi, only: ctorch_random_get_state, ctorch_random_set_state
  use :: ftorch_devices, only: torch_kCPU
  use :: ftorch_error, only: int_or, check_status
  use :: ftorch_tensor_type, only: torch_tensor
  use :: ftorch_types, only: ftorch_int
  implicit none (type, external)
  private

  public :: torch_get_rng_state, torch_set_rng_state

contains

  subroutine torch_get_rng_state(state, device_type, device_index, stat, errmsg)
    !! The state of a device's random generator (the CPU's unless said otherwise) as a tensor of bytes.
    type(torch_tensor), intent(inout) :: state
    integer(ftorch_int), optional, intent(in) :: device_type, device_index
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_random_get_state(int_or(device_type, torch_kCPU), int_or(device_index, -1_c_int32_t), state%p), &
      'torch_get_rng_state', stat, errmsg)
  end subroutine torch_get_rng_state

  subroutine torch_set_rng_state(state, device_type, device_index, stat, errmsg)
    !! Puts back a state of torch_get_rng_state: the same random numbers follow.
    type(torch_tensor), intent(in) :: state
    integer(ftorch_int), optional, intent(in) :: device_type, device_index
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_random_set_state(int_or(device_type, torch_kCPU), int_or(device_index, -1_c_int32_t), state%p), &
      'torch_set_rng_state', stat, errmsg)
  end subroutine torch_set_rng_state

end module ftorch_random
