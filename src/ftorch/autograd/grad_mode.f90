module ftorch_grad_mode
  !! Whether computations are recorded for autograd: by scopes with a begin and an end, or by a variable whose end ends the scope.
  !! All of it belongs to the calling thread.
  use, intrinsic :: iso_c_binding, only: c_int32_t, c_int64_t
  use :: ftorch_capi, only: ctorch_grad_mode_begin, ctorch_grad_mode_detect_anomaly, ctorch_grad_mode_end, &
    ctorch_grad_mode_is_enabled, ctorch_grad_mode_leave, ctorch_grad_mode_set
  use :: ftorch_error, only: flag, check_status
  implicit none (type, external)
  private

  public :: torch_no_grad_begin, torch_no_grad_end, torch_inference_begin, torch_inference_end, torch_grad_scope
  public :: torch_set_grad_enabled, torch_is_grad_enabled, torch_set_detect_anomaly

  ! CTORCH_GRAD_MODE_*
  integer(c_int32_t), parameter :: recording = 0, no_grad_mode = 1, inference_mode = 2

  type :: torch_grad_scope
    !! A scope that ends with its variable, also when a procedure is left early. What was begun inside it ends with it.
    private
    integer(c_int64_t) :: ticket = 0
  contains
    procedure :: no_grad
    procedure :: inference
    procedure :: enable_grad
    procedure :: restore
    final :: finalize
  end type torch_grad_scope

contains

  subroutine torch_no_grad_begin(stat, errmsg)
    !! Until torch_no_grad_end nothing is recorded: results require no gradients.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    integer(c_int64_t) :: ticket
    call check_status(ctorch_grad_mode_begin(no_grad_mode, ticket), 'torch_no_grad_begin', stat, errmsg)
  end subroutine torch_no_grad_begin

  subroutine torch_no_grad_end(stat, errmsg)
    !! Ends the innermost scope, which must be one of torch_no_grad_begin.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_grad_mode_end(no_grad_mode), 'torch_no_grad_end', stat, errmsg)
  end subroutine torch_no_grad_end

  subroutine torch_inference_begin(stat, errmsg)
    !! Like torch_no_grad_begin and a little faster; but what is made until torch_inference_end can never take part in autograd.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    integer(c_int64_t) :: ticket
    call check_status(ctorch_grad_mode_begin(inference_mode, ticket), 'torch_inference_begin', stat, errmsg)
  end subroutine torch_inference_begin

  subroutine torch_inference_end(stat, errmsg)
    !! Ends the innermost scope, which must be one of torch_inference_begin.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_grad_mode_end(inference_mode), 'torch_inference_end', stat, errmsg)
  end subroutine torch_inference_end

  subroutine no_grad(self, stat, errmsg)
    !! From now on nothing is recorded.
    class(torch_grad_scope), intent(inout) :: self
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call begin(self, no_grad_mode, stat, errmsg)
  end subroutine no_grad

  subroutine inference(self, stat, errmsg)
    !! From now on nothing is recorded, and what is made can never take part in autograd.
    class(torch_grad_scope), intent(inout) :: self
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call begin(self, inference_mode, stat, errmsg)
  end subroutine inference

  subroutine enable_grad(self, stat, errmsg)
    !! From now on computations are recorded, also inside a scope where they were not.
    class(torch_grad_scope), intent(inout) :: self
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call begin(self, recording, stat, errmsg)
  end subroutine enable_grad

  subroutine begin(self, mode, stat, errmsg)
    !! One variable is one scope: a second mode replaces the first.
    class(torch_grad_scope), intent(inout) :: self
    integer(c_int32_t), intent(in) :: mode
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call self%restore()
    call check_status(ctorch_grad_mode_begin(mode, self%ticket), 'torch_grad_scope', stat, errmsg)
  end subroutine begin

  subroutine restore(self)
    !! Ends the scope now: what was before counts again. Harmless for one that has ended.
    class(torch_grad_scope), intent(inout) :: self
    integer(c_int32_t) :: status
    if (self%ticket /= 0) status = ctorch_grad_mode_leave(self%ticket)
    self%ticket = 0
  end subroutine restore

  impure elemental subroutine finalize(self)
    type(torch_grad_scope), intent(inout) :: self
    call self%restore()
  end subroutine finalize

  subroutine torch_set_grad_enabled(enabled)
    !! Switches recording on or off on this thread, until the end of the scope around it.
    logical, intent(in) :: enabled
    call check_status(ctorch_grad_mode_set(flag(enabled)), 'torch_set_grad_enabled')
  end subroutine torch_set_grad_enabled

  logical function torch_is_grad_enabled()
    !! Whether computations are recorded on this thread.
    integer(c_int32_t) :: answer
    answer = 0
    call check_status(ctorch_grad_mode_is_enabled(answer), 'torch_is_grad_enabled')
    torch_is_grad_enabled = answer /= 0
  end function torch_is_grad_enabled

  subroutine torch_set_detect_anomaly(enabled, check_nan)
    !! For debugging, on all threads: a backward pass that produces a NaN is an error that names the operation. Slow.
    logical, intent(in) :: enabled
    logical, optional, intent(in) :: check_nan
      !! .true. unless given
    call check_status(ctorch_grad_mode_detect_anomaly(flag(enabled), flag(check_nan, .true.)), 'torch_set_detect_anomaly')
  end subroutine torch_set_detect_anomaly

end module ftorch_grad_mode
