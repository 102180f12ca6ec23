program ftorch1_umbrella
  !! Every name of FTorch 1.1 from `use ftorch` alone, in one list, and the reductions, which were in ftorch_types only.
  use :: ftorch, only: assignment(=), ftorch_int, operator(*), operator(**), operator(+), operator(-), operator(/), torch_delete, &
    torch_kCPU, torch_kCUDA, torch_kFloat16, torch_kFloat32, torch_kFloat64, torch_kHIP, torch_kInt16, torch_kInt32, torch_kInt64, &
    torch_kInt8, torch_kMean, torch_kMPS, torch_kNone, torch_kSum, torch_kUInt8, torch_kXPU, torch_loss_cross_entropy, &
    torch_loss_mse, torch_model, torch_model_delete, torch_model_forward, torch_model_is_training, torch_model_load, &
    torch_model_parameters, torch_model_print_parameters, torch_model_save, torch_optim, torch_optim_Adam, torch_optim_AdamW, &
    torch_optim_delete, torch_optim_SGD, torch_optim_step, torch_optim_zero_grad, torch_tensor, torch_tensor_backward, &
    torch_tensor_delete, torch_tensor_empty, torch_tensor_from_array, torch_tensor_from_blob, torch_tensor_get_device_index, &
    torch_tensor_get_device_type, torch_tensor_get_dtype, torch_tensor_get_gradient, torch_tensor_get_rank, &
    torch_tensor_get_shape, torch_tensor_get_stride, torch_tensor_mean, torch_tensor_ones, torch_tensor_print, &
    torch_tensor_requires_grad, torch_tensor_sum, torch_tensor_to, torch_tensor_zero, torch_tensor_zero_grad, torch_tensor_zeros
  use :: ftorch_devices, only: cpu => torch_kCPU, cuda => torch_kCUDA, hip => torch_kHIP, mps => torch_kMPS, xpu => torch_kXPU
  use :: ftorch_types, only: integer_kind => ftorch_int
  use :: ftorch1_kit, only: say
  implicit none (type, external)
  integer(ftorch_int), parameter :: dtypes(8) = [torch_kUInt8, torch_kInt8, torch_kInt16, torch_kInt32, torch_kInt64, &
    torch_kFloat16, torch_kFloat32, torch_kFloat64]
  call say('dtypes', int(dtypes))
  call say('devices', int([torch_kCPU, torch_kCUDA, torch_kHIP, torch_kXPU, torch_kMPS]))
  call say('the_same', all([cpu, cuda, hip, xpu, mps] == [torch_kCPU, torch_kCUDA, torch_kHIP, torch_kXPU, torch_kMPS]))
  call say('reductions', int([torch_kNone, torch_kMean, torch_kSum]))
  call say('integers', [ftorch_int, integer_kind])
end program ftorch1_umbrella
