module ftorch_checkpoint
  !! Checkpoints: a training run that was stopped at any moment goes on as if it had not been.
  use, intrinsic :: iso_c_binding, only: c_double, c_int32_t, c_int64_t, c_null_ptr, c_ptr
  use, intrinsic :: iso_fortran_env, only: int64
  use :: ftorch_arguments, only: handles
  use :: ftorch_capi, only: ctorch_checkpoint_load, ctorch_checkpoint_save
  use :: ftorch_error, only: flag, settle
  use :: ftorch_model, only: torch_model
  use :: ftorch_optim, only: torch_optim
  use :: ftorch_tensor_type, only: torch_tensor
  implicit none (type, external)
  private

  public :: torch_checkpoint_save, torch_checkpoint_load

  integer(c_int64_t), parameter :: no_step = -huge(0_c_int64_t) - 1
    ! CTORCH_ABSENT

contains

  subroutine torch_checkpoint_save(filename, model, optim, step, more, stat, errmsg)
    !! Writes model, optimizer, schedule, step, tensors of your own and the state of the random numbers into one file. The file is
    !! replaced in one step when the new one is complete and on the disk, so there is always a good one. Call it between two
    !! steps: gradients are not in it.
    character(len=*), intent(in) :: filename
    class(torch_model), intent(in) :: model
    type(torch_optim), optional, intent(in) :: optim
    integer, optional, intent(in) :: step
    type(torch_tensor), optional, intent(in) :: more(:)
      !! What else the program wants to find again; tensors on its own arrays for instance
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
  end subroutine torch_checkpoint_save

end module ftorch_checkpoint
