module ftorch_checkpoint
  !! Checkpoints: a training run that was stopped at any moment goes on as if it had not been.
  use, intrinsic :: iso_c_binding, only: c_double, c_int32_t, c_int64_t, c_null_ptr, c_ptr
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
  type(c_ptr), parameter :: no_handles(0) = [c_ptr ::]

contains

  subroutine torch_checkpoint_save(filename, model, optim, step, more, stat, errmsg)
    !! Writes model, optimizer, step, tensors of your own and the state of the random numbers into one file. The file is replaced in
    !! one step when the new one is complete and on the disk, so there is always a good one. Call it between two steps: gradients
    !! are not in it.
    character(len=*), intent(in) :: filename
    class(torch_model), intent(in) :: model
    type(torch_optim), optional, intent(in) :: optim
    integer, optional, intent(in) :: step
    type(torch_tensor), optional, intent(in) :: more(:)
      !! What else the program wants to find again: tensors on its own arrays for instance
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(c_ptr) :: optim_handle
    real(c_double) :: values(0)
    integer(c_int64_t) :: number
    integer(c_int32_t) :: status
    optim_handle = c_null_ptr
    if (present(optim)) optim_handle = optim%p
    number = no_step
    if (present(step)) number = int(step, c_int64_t)
    if (present(more)) then
      status = save(handles(more))
    else
      status = save(no_handles)
    end if
    call settle(status, 'torch_checkpoint_save', stat, errmsg)

  contains

    integer(c_int32_t) function save(list)
      type(c_ptr), intent(in) :: list(:)
      save = ctorch_checkpoint_save(filename, len_trim(filename, kind=c_int64_t), model%p, optim_handle, flag(present(optim)), &
        values, -1_c_int32_t, number, list, size(list, kind=c_int32_t))
    end function save

  end subroutine torch_checkpoint_save

  subroutine torch_checkpoint_load(filename, model, optim, step, more, stat, errmsg)
    !! Reads what torch_checkpoint_save wrote into a model, an optimizer and so on that were made as they were then. What is asked for
    !! must be in the file and fit, otherwise nothing changes. Tensors of `more` that wrap Fortran arrays are written through, the
    !! others receive the tensor. The next random numbers are those that would have come then; gradients are forgotten.
    character(len=*), intent(in) :: filename
    class(torch_model), intent(in) :: model
    type(torch_optim), optional, intent(in) :: optim
    integer, optional, intent(out) :: step
    type(torch_tensor), optional, intent(inout) :: more(:)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(c_ptr) :: optim_handle
    type(c_ptr), allocatable :: list(:)
    real(c_double) :: values(0)
    integer(c_int64_t) :: number
    integer(c_int32_t) :: status
    integer :: i
    optim_handle = c_null_ptr
    if (present(optim)) optim_handle = optim%p
    list = no_handles
    if (present(more)) list = handles(more)
    number = 0
    status = ctorch_checkpoint_load(filename, len_trim(filename, kind=c_int64_t), model%p, optim_handle, flag(present(optim)), &
      values, -1_c_int32_t, flag(present(step)), number, list, merge(size(list, kind=c_int32_t), -1_c_int32_t, present(more)), &
      1_c_int32_t)
    if (present(more)) then
      do i = 1, size(more)
        more(i)%p = list(i)
      end do
    end if
    if (present(step)) step = int(number)
    call settle(status, 'torch_checkpoint_load', stat, errmsg)
  end subroutine torch_checkpoint_load

end module ftorch_checkpoint
