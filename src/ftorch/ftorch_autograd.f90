module ftorch_autograd
  !! Automatic differentiation, and the reductions that losses are made of.
  use, intrinsic :: iso_c_binding, only: c_null_ptr
  use :: ftorch_capi, only: ctorch_tensor_backward, ctorch_tensor_gradient, ctorch_tensor_mean, ctorch_tensor_sum
  use :: ftorch_error, only: flag, settle
  use :: ftorch_tensor_type, only: torch_tensor
  implicit none (type, external)
  private

  public :: torch_tensor_sum, torch_tensor_mean, torch_tensor_backward, torch_tensor_get_gradient

  interface torch_tensor_backward
    !! Back-propagates from a tensor: of one element, or with an external gradient of the tensor's shape. The graph is freed
    !! unless retain_graph keeps it for another time.
    module procedure backward_scalar, backward_gradient
  end interface torch_tensor_backward

contains

  subroutine torch_tensor_sum(output, tensor, stat, errmsg)
    !! Sum of all elements. An output that wraps a Fortran array of one element is written through.
    type(torch_tensor), intent(inout) :: output
    type(torch_tensor), intent(in) :: tensor
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call settle(ctorch_tensor_sum(tensor%p, output%p), 'torch_tensor_sum', stat, errmsg)
  end subroutine torch_tensor_sum

  subroutine torch_tensor_mean(output, tensor, stat, errmsg)
    !! Mean of all elements. An output that wraps a Fortran array of one element is written through.
    type(torch_tensor), intent(inout) :: output
    type(torch_tensor), intent(in) :: tensor
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call settle(ctorch_tensor_mean(tensor%p, output%p), 'torch_tensor_mean', stat, errmsg)
  end subroutine torch_tensor_mean

  subroutine backward_scalar(tensor, retain_graph, stat, errmsg)
    type(torch_tensor), intent(in) :: tensor
    logical, optional, intent(in) :: retain_graph
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call settle(ctorch_tensor_backward(tensor%p, c_null_ptr, flag(retain_graph)), 'torch_tensor_backward', stat, errmsg)
  end subroutine backward_scalar

  subroutine backward_gradient(tensor, external_gradient, retain_graph, stat, errmsg)
    type(torch_tensor), intent(in) :: tensor
    type(torch_tensor), intent(in) :: external_gradient
    logical, optional, intent(in) :: retain_graph
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call settle(ctorch_tensor_backward(tensor%p, external_gradient%p, flag(retain_graph)), 'torch_tensor_backward', stat, errmsg)
  end subroutine backward_gradient

  subroutine torch_tensor_get_gradient(gradient, tensor, stat, errmsg)
    !! Copy of the gradient accumulated in a tensor that was made with requires_grad. A `gradient` that wraps a Fortran array is
    !! written through.
    type(torch_tensor), intent(inout) :: gradient
    type(torch_tensor), intent(in) :: tensor
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call settle(ctorch_tensor_gradient(tensor%p, gradient%p), 'torch_tensor_get_gradient', stat, errmsg)
  end subroutine torch_tensor_get_gradient

end module ftorch_autograd
