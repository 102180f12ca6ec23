module ftorch
  !! The module `ftorch` for codes written for FTorch 1.1: torch_tensor_from_blob is the subroutine, so that `use ftorch` and
  !! `use ftorch_tensor` can stand in one scope. Interface only: the library is the same.
  use :: ftorch_checkpoint
  use :: ftorch_clipping
  use :: ftorch_devices
  use :: ftorch_ema
  use :: ftorch_error, only: torch_error_handler, torch_set_error_handler
  use :: ftorch_generics, only: torch_delete
  use :: ftorch_infer_arrays, only: torch_array, torch_describe_array, torch_model_infer_arrays
  use :: ftorch_loss
  use :: ftorch_model
  use :: ftorch_model_names, only: torch_model_buffer_names, torch_model_contract, torch_model_input_names, &
    torch_model_output_names, torch_model_parameter_names
  use :: ftorch_optim
  use :: ftorch_parameters
  use :: ftorch_random
  use :: ftorch_runtime
  use :: ftorch_schedule
  use :: ftorch_tensor
  use :: ftorch_types
  implicit none (type, external)
  public
end module ftorch
