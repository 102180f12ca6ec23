module ftorch
  !! PyTorch networks in a Fortran program.
  !!
  !! Load a model once, then call it with the program's own arrays:
  !!
  !!     use ftorch
  !!     type(torch_model) :: model
  !!     real, target :: x(124), y(112)
  !!     call torch_model_load(model, 'convection.pt')
  !!     call model%infer(x, y)
  !!
  !! Several inputs or outputs go through torch_model_infer_arrays, or as tensors (torch_tensor_from_array shares an array's memory)
  !! through torch_model_forward.
  !! Every procedure that can fail ends with optional `stat` and `errmsg`; without `stat` a failure stops the program with a
  !! message, through torch_set_error_handler if one is set. Variables free themselves.
  use :: ftorch_batches
  use :: ftorch_checkpoint
  use :: ftorch_clipping
  use :: ftorch_collector
  use :: ftorch_config
  use :: ftorch_device_memory
  use :: ftorch_devices
  use :: ftorch_ema
  use :: ftorch_error, only: torch_error_handler, torch_set_error_handler
  use :: ftorch_event
  use :: ftorch_generics, only: torch_delete
  use :: ftorch_interface_2023
  use :: ftorch_infer_arrays, only: torch_array, torch_describe_array, torch_model_infer_arrays
  use :: ftorch_loss
  use :: ftorch_model, torch_module => torch_model
  use :: ftorch_model, only: torch_model
  use :: ftorch_model_names, only: torch_model_buffer_names, torch_model_contract, torch_model_input_names, &
    torch_model_output_names, torch_model_parameter_names
  use :: ftorch_noise
  use :: ftorch_optim
  use :: ftorch_parameters
  use :: ftorch_random
  use :: ftorch_report
  use :: ftorch_request
  use :: ftorch_runtime
  use :: ftorch_schedule
  use :: ftorch_tensors, torch_tensor_from_pointer => torch_tensor_from_blob
  use :: ftorch_trainer
  use :: ftorch_types
  implicit none (type, external)
  public
  private :: c_associated, c_null_ptr, c_ptr, int32  ! a program may have its own
end module ftorch
