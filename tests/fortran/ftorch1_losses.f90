module ftorch1_losses_scenarios
  !! The unit ftorch_loss as programs for FTorch 1.1 write it, and backward from there.
  use, intrinsic :: iso_fortran_env, only: int64, real32
  use :: ftorch1_kit, only: say
  use :: ftorch, only: torch_delete, torch_kCPU, torch_kFloat32, torch_tensor, torch_tensor_backward, torch_tensor_empty, &
    torch_tensor_from_array, torch_tensor_get_gradient, torch_tensor_zero_grad
  use :: ftorch_loss, only: torch_loss_cross_entropy, torch_loss_mse
  use :: ftorch_types, only: torch_kMean, torch_kNone, torch_kSum
  implicit none (type, external)
  private
  public :: mse, cross_entropy

  integer, parameter :: layout(2) = [1, 2]

contains

  subroutine mse()
    type(torch_tensor) :: input_tensor, target_tensor, loss_tensor, every_loss, gradient
    real(real32), target :: input_data(2, 3), target_data(2, 3), loss_data(1), every_data(2, 3), gradient_data(2, 3)
    input_data = reshape([1.0, 2.0, -3.0, 0.5, 4.0, 1.5], [2, 3])
    target_data = reshape([0.5, 2.5, -1.0, 0.0, 3.0, -1.5], [2, 3])
    call torch_tensor_from_array(input_tensor, input_data, layout, torch_kCPU, requires_grad=.true.)
    call torch_tensor_from_array(target_tensor, target_data, layout, torch_kCPU)
    call torch_tensor_from_array(loss_tensor, loss_data, [1], torch_kCPU)
    call torch_tensor_from_array(every_loss, every_data, layout, torch_kCPU)
    call torch_tensor_from_array(gradient, gradient_data, layout, torch_kCPU)
    call torch_loss_mse(loss_tensor, input_tensor, target_tensor)
    call torch_tensor_backward(loss_tensor)
    call torch_tensor_get_gradient(gradient, input_tensor)
    call say('mse', loss_data)
    call say('mse_gradient', reshape(gradient_data, [6]))
    call torch_tensor_zero_grad(input_tensor)
    call torch_loss_mse(loss_tensor, input_tensor, target_tensor, reduction_type=torch_kSum)
    call torch_tensor_backward(loss_tensor)
    call torch_tensor_get_gradient(gradient, input_tensor)
    call say('mse_sum', loss_data)
    call say('mse_sum_gradient', reshape(gradient_data, [6]))
    call torch_loss_mse(every_loss, input_tensor, target_tensor, torch_kNone)
    call say('mse_none', reshape(every_data, [6]))
  end subroutine mse

  subroutine cross_entropy()
    !! Into a tensor that exists, and of classes and of probabilities.
    type(torch_tensor) :: input_tensor, classes, probabilities, loss_tensor, gradient
    real(real32), target :: input_data(2, 3), probability_data(2, 3), loss_data(1), gradient_data(2, 3)
    integer(int64), target :: class_data(2)
    input_data = reshape([1.0, 2.0, -3.0, 0.5, 4.0, 1.5], [2, 3])
    probability_data = reshape([0.25, 0.5, 0.25, 0.25, 0.5, 0.25], [2, 3])
    class_data = [2_int64, 0_int64]
    call torch_tensor_from_array(input_tensor, input_data, layout, torch_kCPU, requires_grad=.true.)
    call torch_tensor_from_array(classes, class_data, [1], torch_kCPU)
    call torch_tensor_from_array(probabilities, probability_data, layout, torch_kCPU)
    call torch_tensor_from_array(gradient, gradient_data, layout, torch_kCPU)
    call torch_tensor_from_array(loss_tensor, loss_data, [1], torch_kCPU)
    call torch_loss_cross_entropy(loss_tensor, input_tensor, classes)
    call torch_tensor_backward(loss_tensor)
    call torch_tensor_get_gradient(gradient, input_tensor)
    call say('entropy', loss_data)
    call say('entropy_gradient', reshape(gradient_data, [6]))
    call torch_loss_cross_entropy(loss_tensor, input_tensor, probabilities, reduction_type=torch_kMean)
    call say('entropy_probabilities', loss_data)
    call torch_loss_cross_entropy(loss_tensor, input_tensor, classes, torch_kSum)
    call say('entropy_sum', loss_data)
    call torch_delete(loss_tensor)
    call torch_tensor_empty(loss_tensor, 1, [1_int64], torch_kFloat32, torch_kCPU)
    call torch_loss_cross_entropy(loss_tensor, input_tensor, classes, torch_kSum)
    call torch_tensor_zero_grad(input_tensor)
    call torch_tensor_backward(loss_tensor)
    call torch_tensor_get_gradient(gradient, input_tensor)
    call say('entropy_sum_gradient', reshape(gradient_data, [6]))
  end subroutine cross_entropy

end module ftorch1_losses_scenarios

program ftorch1_losses
  use :: ftorch1_losses_scenarios, only: cross_entropy, mse
  implicit none (type, external)
  call mse()
  call cross_entropy()
end program ftorch1_losses
