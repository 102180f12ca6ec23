module ftorch_checkpoint
  !! Checkpoints: a training run that was stopped at any moment goes on as if it had not been.
  use, intrinsic :: iso_c_binding, only: c_double, c_int32_t, c_int64_t, c_null_ptr, c_ptr
  use :: ftorch_capi, only: ctorch_checkpoint_load, ctorch_checkpoint_save
  use :: ftorch_error, only: flag, check_status
  use :: ftorch_model, only: torch_model
  use :: ftorch_optimizer_type, only: torch_optim
  use :: ftorch_schedule_type, only: torch_schedule
  use :: ftorch_tensor_type, only: torch_tensor
  implicit none (type, external)
  private

  public :: torch_checkpoint_save, torch_checkpoint_load

  integer(c_int64_t), parameter :: no_step = -huge(0_c_int64_t) - 1
    ! CTORCH_ABSENT

contains

  subroutine torch_checkpoint_save(filename, model, optim, schedule, step, more, stat, errmsg)
    !! Writes model, optimizer, schedule, step, tensors of your own and the state of the random numbers into one file. The file is
    !! replaced in one step when the new one is complete and on the disk, so there is always a good one. Call it between two steps:
    !! gradients are not in it.
    character(len=*), intent(in) :: filename
    class(torch_model), intent(in) :: model
    type(torch_optim), optional, intent(in) :: optim
    class(torch_schedule), optional, intent(in) :: schedule
    integer, optional, intent(in) :: step
    type(torch_tensor), optional, intent(in) :: more(:)
      !! What else the program wants to find again: tensors on its own arrays for instance
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(c_ptr) :: optim_handle
    type(c_ptr), allocatable :: list(:)
    real(c_double), allocatable :: values(:)
    integer(c_int64_t) :: number
    call prepare(optim, schedule, more, optim_handle, values, list, stat, errmsg)
    if (.not. allocated(values)) return
    number = no_step
    if (present(step)) number = int(step, c_int64_t)
    call check_status(ctorch_checkpoint_save(filename, len_trim(filename, kind=c_int64_t), model%p, optim_handle, &
      flag(present(optim)), values, count_if(present(schedule), size(values)), number, list, count_if(present(more), size(list))), &
      'torch_checkpoint_save', stat, errmsg)
  end subroutine torch_checkpoint_save

  subroutine torch_checkpoint_load(filename, model, optim, schedule, step, more, stat, errmsg)
    !! Reads what torch_checkpoint_save wrote into a model, an optimizer and so on that were made as they were then. What is asked
    !! for must be in the file and fit, otherwise nothing changes. Tensors of `more` that wrap Fortran arrays are written through,
    !! the others receive the tensor, on the device of the one that was there. The next random numbers are those that would have
    !! come then, those of a device if the model is on one of that kind, whichever of several it is; gradients are forgotten.
    character(len=*), intent(in) :: filename
    class(torch_model), intent(in) :: model
    type(torch_optim), optional, intent(in) :: optim
    class(torch_schedule), optional, intent(inout) :: schedule
    integer, optional, intent(inout) :: step
    type(torch_tensor), optional, intent(inout) :: more(:)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(c_ptr) :: optim_handle
    type(c_ptr), allocatable :: list(:)
    real(c_double), allocatable :: values(:)
    integer(c_int64_t) :: number
    integer(c_int32_t) :: status
    integer :: i
    call prepare(optim, schedule, more, optim_handle, values, list, stat, errmsg)
    if (.not. allocated(values)) return
    status = 0
    if (present(schedule)) then  ! it refuses what is not its own before anything has changed
      status = load(apply=.false.)
      if (status == 0) then
        call schedule%check_state(values, stat, errmsg)
        if (present(stat)) then
          if (stat /= 0) return
        end if
      end if
    end if
    if (status == 0) status = load(apply=.true.)
    if (status == 0 .and. present(schedule)) call schedule%set_state(values)
    if (status == 0 .and. present(step)) step = int(number)
    if (present(more)) then
      do i = 1, size(more)
        more(i)%p = list(i)
      end do
    end if
    call check_status(status, 'torch_checkpoint_load', stat, errmsg)

  contains

    integer(c_int32_t) function load(apply)
      logical, intent(in) :: apply
      number = 0
      load = ctorch_checkpoint_load(filename, len_trim(filename, kind=c_int64_t), model%p, optim_handle, flag(present(optim)), &
        values, count_if(present(schedule), size(values)), flag(present(step)), number, list, &
        count_if(present(more), size(list)), flag(apply))
    end function load

  end subroutine torch_checkpoint_load

  subroutine prepare(optim, schedule, more, optim_handle, values, list, stat, errmsg)
    !! The optional arguments as C takes them; `values` is not allocated when the schedule has refused to tell its state.
    type(torch_optim), optional, intent(in) :: optim
    class(torch_schedule), optional, intent(in) :: schedule
    type(torch_tensor), optional, intent(in) :: more(:)
    type(c_ptr), intent(out) :: optim_handle
    real(c_double), allocatable, intent(out) :: values(:)
    type(c_ptr), allocatable, intent(out) :: list(:)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    integer :: i
    optim_handle = c_null_ptr
    if (present(optim)) optim_handle = optim%p
    allocate (list(0))
    if (present(more)) then
      deallocate (list)
      allocate (list(size(more)))
      do i = 1, size(more)
        list(i) = more(i)%p
      end do
    end if
    if (present(schedule)) then
      call schedule%get_state(values, stat, errmsg)
    else
      allocate (values(0))
    end if
  end subroutine prepare

  pure integer(c_int32_t) function count_if(given, count)
    !! -1 stands for an argument that was left out.
    logical, intent(in) :: given
    integer, intent(in) :: count
    count_if = -1
    if (given) count_if = int(count, c_int32_t)
  end function count_if

end module ftorch_checkpoint
