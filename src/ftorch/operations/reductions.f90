module ftorch_reductions
  !! The sum and the mean of all elements into a tensor that is given: losses are made of them. (Those that give a new tensor, and
  !! along dimensions too, are the functions torch_sum and torch_mean.)
  use :: ftorch_capi, only: ctorch_tensor_mean, ctorch_tensor_sum
  use :: ftorch_error, only: check_status
  use :: ftorch_tensor_type, only: torch_tensor
  implicit none (type, external)
  private

  public :: torch_tensor_sum, torch_tensor_mean

contains

  subroutine torch_tensor_sum(output, tensor, stat, errmsg)
    !! Sum of all elements. An output that wraps a Fortran array of one element is written through.
    type(torch_tensor), intent(inout) :: output
    type(torch_tensor), intent(in) :: tensor
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_tensor_sum(tensor%p, output%p), 'torch_tensor_sum', stat, errmsg)
  end subroutine torch_tensor_sum

  subroutine torch_tensor_mean(output, tensor, stat, errmsg)
    !! Mean of all elements. An output that wraps a Fortran array of one element is written through.
    type(torch_tensor), intent(inout) :: output
    type(torch_tensor), intent(in) :: tensor
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_tensor_mean(tensor%p, output%p), 'torch_tensor_mean', stat, errmsg)
  end subroutine torch_tensor_mean

end module ftorch_reductions
