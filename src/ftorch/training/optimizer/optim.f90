module ftorch_optim
  !! Optimizers: they change the parameters of a model, or a list of tensors, by their gradients. Rules and defaults are those of
  !! Python's torch.optim.
  use, intrinsic :: iso_c_binding, only: c_associated, c_null_ptr, c_ptr  ! as with FTorch's module of this name
  use :: ftorch_optimizer_make
  use :: ftorch_optimizer_type, only: torch_closure, torch_optim, torch_optim_add_group, torch_optim_delete, &
    torch_optim_get_learning_rate, torch_optim_get_option, torch_optim_group_count, torch_optim_load, torch_optim_save, &
    torch_optim_set_learning_rate, torch_optim_set_option, torch_optim_step, torch_optim_zero_grad
  use :: ftorch_tensor_type, only: torch_tensor
  implicit none (type, external)
  public
end module ftorch_optim
