module ftorch_tensor
  !! Everything about tensors; what `use ftorch` gives, and the subroutine torch_tensor_from_blob under its own name.
  use :: ftorch_tensor_type
  use :: ftorch_tensor_create, only: torch_tensor_clone, torch_tensor_empty, torch_tensor_from_blob, torch_tensor_full, &
    torch_tensor_ones, torch_tensor_pin, torch_tensor_to, torch_tensor_zeros
  use :: ftorch_tensor_arrays, only: torch_tensor_copy_to, torch_tensor_from_array, torch_tensor_to_array
  use :: ftorch_tensor_ops
  use :: ftorch_functions
  use :: ftorch_autograd
  use :: ftorch_elements
  use :: ftorch_grad_mode
  use :: ftorch_gradient_check
  use :: ftorch_reductions
  implicit none (type, external)
  public
end module ftorch_tensor
