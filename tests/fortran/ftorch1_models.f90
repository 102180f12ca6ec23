module ftorch1_models_scenarios
  !! The unit ftorch_model as programs for FTorch 1.1 write it: inference, gradients of weights, saving and loading again.
  use, intrinsic :: iso_c_binding, only: c_associated
  use, intrinsic :: iso_fortran_env, only: real32
  use :: ftorch1_kit, only: say
  use :: ftorch, only: torch_delete, torch_kCPU, torch_model, torch_model_delete, torch_model_forward, torch_model_is_training, &
    torch_model_load, torch_model_parameters, torch_model_print_parameters, torch_model_save, torch_tensor, torch_tensor_backward, &
    torch_tensor_delete, torch_tensor_from_array, torch_tensor_get_gradient, torch_tensor_sum, torch_tensor_zero
  implicit none (type, external)
  private
  public :: inference, gradients, reload, modes

  integer, parameter :: wp = real32, in_layout(2) = [1, 2], out_layout(2) = [1, 2]
  integer, parameter :: n_inputs = 1

contains

  subroutine inputs(in_data)
    real(wp), intent(out) :: in_data(2, 5)
    in_data = reshape([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0], [2, 5])
  end subroutine inputs

  subroutine inference()
    type(torch_model) :: model
    type(torch_tensor), dimension(n_inputs) :: in_tensors
    type(torch_tensor), dimension(1) :: out_tensors
    real(wp), dimension(2, 5), target :: in_data
    real(wp), dimension(2, 3), target :: out_data
    call inputs(in_data)
    call torch_tensor_from_array(in_tensors(1), in_data, in_layout, torch_kCPU)
    call torch_tensor_from_array(out_tensors(1), out_data, out_layout, torch_kCPU)
    call torch_model_load(model, 'linear_plain.pt', torch_kCPU)
    call torch_model_forward(model, in_tensors, out_tensors)
    call say('inference', reshape(out_data, [6]))
    call torch_delete(model)
    call torch_delete(in_tensors)
    call torch_delete(out_tensors)
    call say('deleted', .not. c_associated(model%p))
  end subroutine inference

  subroutine gradients()
    !! With requires_grad the results keep their history, up to the weights.
    type(torch_model) :: model
    type(torch_tensor) :: in_tensors(1), out_tensors(1), parameters(2), total, gradient
    real(wp), target :: in_data(2, 5), out_data(2, 3), total_data(1), weight_grad(3, 5), bias_grad(3)
    call inputs(in_data)
    call torch_model_load(model, 'linear_plain.pt', device_type=torch_kCPU, device_index=-1, requires_grad=.true., &
      is_training=.true.)
    call torch_model_parameters(model, parameters)
    call torch_tensor_from_array(in_tensors(1), in_data, in_layout, torch_kCPU)
    call torch_tensor_from_array(out_tensors(1), out_data, out_layout, torch_kCPU)
    call torch_tensor_from_array(total, total_data, [1], torch_kCPU)
    call torch_model_forward(model, in_tensors, out_tensors, requires_grad=.true.)
    call torch_tensor_sum(total, out_tensors(1))
    call torch_tensor_backward(total)
    call say('total', total_data)
    call torch_tensor_from_array(gradient, weight_grad, [1, 2], torch_kCPU)
    call torch_tensor_get_gradient(gradient, parameters(1))
    call say('weight_gradient', reshape(weight_grad, [15]))
    call torch_tensor_from_array(gradient, bias_grad, [1], torch_kCPU)
    call torch_tensor_get_gradient(gradient, parameters(2))
    call say('bias_gradient', bias_grad)
  end subroutine gradients

  subroutine reload()
    !! The handles of parameters share the weights: what is changed through them is saved.
    type(torch_model) :: model, again
    type(torch_tensor) :: in_tensors(1), out_tensors(1), parameters(2)
    real(wp), target :: in_data(2, 5), out_data(2, 3)
    call inputs(in_data)
    call torch_tensor_from_array(in_tensors(1), in_data, in_layout, torch_kCPU)
    call torch_tensor_from_array(out_tensors(1), out_data, out_layout, torch_kCPU)
    call torch_model_load(model, 'linear_plain.pt', torch_kCPU)
    call torch_model_parameters(model, parameters)
    call torch_tensor_zero(parameters(2))
    call torch_model_save(model, filename='ftorch1_saved.pt')
    call torch_model_delete(model)
    call torch_model_load(again, 'ftorch1_saved.pt', torch_kCPU)
    call torch_model_forward(again, in_tensors, out_tensors)
    call say('reloaded', reshape(out_data, [6]))
    call torch_tensor_delete(parameters)
  end subroutine reload

  subroutine modes()
    type(torch_model) :: model
    call torch_model_load(model, 'linear_plain.pt', torch_kCPU, is_training=.true.)
    call say('training', torch_model_is_training(model))
    call torch_model_load(model, 'linear_plain.pt', torch_kCPU)
    call say('evaluating', .not. model%is_training())
    call torch_model_print_parameters(model)
    call model%print_parameters()
  end subroutine modes

end module ftorch1_models_scenarios

program ftorch1_models
  use :: ftorch1_models_scenarios, only: gradients, inference, modes, reload
  implicit none (type, external)
  call inference()
  call gradients()
  call reload()
  call modes()
end program ftorch1_models
