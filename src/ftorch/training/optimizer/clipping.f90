module ftorch_clipping
  !! Clipping of gradients, between torch_tensor_backward and the optimizer's step.
  use, intrinsic :: iso_c_binding, only: c_double, c_int32_t
  use, intrinsic :: iso_fortran_env, only: real64
  use :: ftorch_arguments, only: handles, real_or
  use :: ftorch_capi, only: ctorch_clip_norm, ctorch_clip_value
  use :: ftorch_error, only: flag, check_status
  use :: ftorch_model, only: torch_parameters
  use :: ftorch_optimizer_type, only: parameters_of
  use :: ftorch_tensor_type, only: torch_tensor
  implicit none (type, external)
  private

  public :: torch_clip_grad_norm, torch_clip_grad_value

  interface torch_clip_grad_norm
    !! Scales all gradients together so that their norm is at most max_norm; gradients that are shorter stay as they are.
    module procedure norm_of_tensors, norm_of_model
  end interface torch_clip_grad_norm

  interface torch_clip_grad_value
    !! Cuts every element of the gradients to -max_value .. max_value.
    module procedure value_of_tensors, value_of_model
  end interface torch_clip_grad_value

contains

  subroutine norm_of_tensors(parameters, max_norm, norm, norm_type, error_if_nonfinite, stat, errmsg)
    type(torch_tensor), intent(in) :: parameters(:)
    real(real64), intent(in) :: max_norm
    real(real64), optional, intent(out) :: norm
      !! Norm of all gradients together, before clipping
    real(real64), optional, intent(in) :: norm_type
      !! Order of the norm, 2 by default
    logical, optional, intent(in) :: error_if_nonfinite
      !! Makes gradients that are infinite or not numbers an error, and leaves them as they are
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(c_double) :: found
    found = 0
    call check_status(ctorch_clip_norm(handles(parameters), size(parameters, kind=c_int32_t), max_norm, &
      real_or(norm_type, 2.0_real64), flag(error_if_nonfinite), found), 'torch_clip_grad_norm', stat, errmsg)
    if (present(norm)) norm = found
  end subroutine norm_of_tensors

  subroutine norm_of_model(model, max_norm, norm, norm_type, error_if_nonfinite, stat, errmsg)
    class(torch_parameters), intent(in) :: model
    real(real64), intent(in) :: max_norm
    real(real64), optional, intent(out) :: norm
    real(real64), optional, intent(in) :: norm_type
    logical, optional, intent(in) :: error_if_nonfinite
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor), allocatable :: parameters(:)
    integer(c_int32_t) :: status
    call parameters_of(model, parameters, status)
    if (status == 0) then
      call norm_of_tensors(parameters, max_norm, norm, norm_type, error_if_nonfinite, stat, errmsg)
    else
      call check_status(status, 'torch_clip_grad_norm', stat, errmsg)
    end if
  end subroutine norm_of_model

  subroutine value_of_tensors(parameters, max_value, stat, errmsg)
    type(torch_tensor), intent(in) :: parameters(:)
    real(real64), intent(in) :: max_value
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_clip_value(handles(parameters), size(parameters, kind=c_int32_t), max_value), &
      'torch_clip_grad_value', stat, errmsg)
  end subroutine value_of_tensors

  subroutine value_of_model(model, max_value, stat, errmsg)
    class(torch_parameters), intent(in) :: model
    real(real64), intent(in) :: max_value
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor), allocatable :: parameters(:)
    integer(c_int32_t) :: status
    call parameters_of(model, parameters, status)
    if (status == 0) then
      call value_of_tensors(parameters, max_value, stat, errmsg)
    else
      call check_status(status, 'torch_clip_grad_value', stat, errmsg)
    end if
  end subroutine value_of_model

end module ftorch_clipping
