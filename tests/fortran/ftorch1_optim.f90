module ftorch1_optim_scenarios
  !! The unit ftorch_optim as programs for FTorch 1.1 write it: every option, training of a tensor and of a model.
  use, intrinsic :: iso_c_binding, only: c_associated
  use, intrinsic :: iso_fortran_env, only: real32, real64
  use :: ftorch1_kit, only: say
  use :: ftorch, only: assignment(=), operator(*), operator(**), operator(-), torch_delete, torch_kCPU, torch_loss_mse, &
    torch_model, torch_model_forward, torch_model_load, torch_model_parameters, torch_model_save, torch_tensor, &
    torch_tensor_backward, torch_tensor_from_array, torch_tensor_mean
  use :: ftorch_optim, only: torch_optim, torch_optim_Adam, torch_optim_AdamW, torch_optim_delete, torch_optim_SGD, &
    torch_optim_step, torch_optim_zero_grad
  implicit none (type, external)
  private
  public :: sgd, adam, adamw, network

  integer, parameter :: tensor_layout(1) = [1], n_train = 15

contains

  subroutine descend(name, choice)
    !! Trains a scaling of four numbers by the optimizer that `choice` makes for it.
    character(len=*), intent(in) :: name
    interface
      subroutine choice(optim, scaling)
        import :: torch_optim, torch_tensor
        implicit none (type, external)
        type(torch_optim), intent(inout) :: optim
        type(torch_tensor), intent(in) :: scaling
      end subroutine choice
    end interface
    real(real64), target :: input_data(4), target_data(4), scaling_data(4), loss_data(1)
    type(torch_tensor) :: input_vec, target_vec, scaling, output_vec, loss
    type(torch_optim) :: optim
    integer :: i
    input_data = [1.0_real64, 2.0_real64, -0.5_real64, 3.0_real64]
    target_data = [1.0_real64, -2.0_real64, 3.0_real64, 4.0_real64]
    scaling_data = [1.0_real64, 0.5_real64, -1.0_real64, 2.0_real64]
    call torch_tensor_from_array(input_vec, input_data, tensor_layout, torch_kCPU)
    call torch_tensor_from_array(target_vec, target_data, tensor_layout, torch_kCPU)
    call torch_tensor_from_array(scaling, scaling_data, tensor_layout, torch_kCPU, requires_grad=.true.)
    call choice(optim, scaling)
    do i = 1, n_train
      call torch_optim_zero_grad(optim)
      output_vec = input_vec * scaling
      call torch_tensor_from_array(loss, loss_data, tensor_layout, torch_kCPU)
      call torch_tensor_mean(loss, (output_vec - target_vec) ** 2)
      call torch_tensor_backward(loss)
      call torch_optim_step(optim)
    end do
    call say(name, scaling_data)
    call say(name // '_loss', loss_data)
    call torch_optim_delete(optim)
    call say(name // '_deleted', .not. c_associated(optim%p))
  end subroutine descend

  subroutine sgd()
    call descend('sgd', plain)
    call descend('sgd_momentum', momentum)
    call descend('sgd_nesterov', nesterov)
  contains
    subroutine plain(optim, scaling)
      type(torch_optim), intent(inout) :: optim
      type(torch_tensor), intent(in) :: scaling
      call torch_optim_SGD(optim, [scaling])
    end subroutine plain

    subroutine momentum(optim, scaling)
      type(torch_optim), intent(inout) :: optim
      type(torch_tensor), intent(in) :: scaling
      call torch_optim_SGD(optim, [scaling], learning_rate=0.1_real64, momentum=0.9_real64, weight_decay=0.05_real64, &
        dampening=0.2_real64, nesterov=.false.)
    end subroutine momentum

    subroutine nesterov(optim, scaling)
      type(torch_optim), intent(inout) :: optim
      type(torch_tensor), intent(in) :: scaling
      call torch_optim_SGD(optim, [scaling], 0.05D0, 0.8D0, nesterov=.true.)
    end subroutine nesterov
  end subroutine sgd

  subroutine adam()
    call descend('adam', plain)
    call descend('adam_all', all_options)
  contains
    subroutine plain(optim, scaling)
      type(torch_optim), intent(inout) :: optim
      type(torch_tensor), intent(in) :: scaling
      call torch_optim_Adam(optim, [scaling])
    end subroutine plain

    subroutine all_options(optim, scaling)
      type(torch_optim), intent(inout) :: optim
      type(torch_tensor), intent(in) :: scaling
      call torch_optim_Adam(optim, parameters=[scaling], learning_rate=0.3_real64, beta_1=0.8_real64, beta_2=0.9_real64, &
        eps=1e-6_real64, weight_decay=0.1_real64, amsgrad=.true.)
    end subroutine all_options
  end subroutine adam

  subroutine adamw()
    call descend('adamw', plain)
    call descend('adamw_all', all_options)
  contains
    subroutine plain(optim, scaling)
      type(torch_optim), intent(inout) :: optim
      type(torch_tensor), intent(in) :: scaling
      call torch_optim_AdamW(optim, [scaling])
    end subroutine plain

    subroutine all_options(optim, scaling)
      type(torch_optim), intent(inout) :: optim
      type(torch_tensor), intent(in) :: scaling
      call torch_optim_AdamW(optim, [scaling], 0.2_real64, 0.7_real64, 0.95_real64, 1e-7_real64, 0.3_real64, .true.)
    end subroutine all_options
  end subroutine adamw

  subroutine network()
    !! The steps are bound to the type; the trained weights are saved and loaded again.
    type(torch_model) :: model, again
    type(torch_optim) :: optim
    type(torch_tensor) :: in_tensors(1), out_tensors(1), targets, loss, parameters(2)
    real(real32), target :: in_data(2, 5), out_data(2, 3), target_data(2, 3), loss_data(1)
    integer :: i
    in_data = reshape([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0], [2, 5])
    target_data = reshape([1.0, -1.0, 0.5, 2.0, -0.5, 0.0], [2, 3])
    call torch_model_load(model, 'linear_plain.pt', torch_kCPU, requires_grad=.true., is_training=.true.)
    call torch_model_parameters(model, parameters)
    call torch_optim_SGD(optim, parameters, learning_rate=1.0D-2)
    call torch_tensor_from_array(in_tensors(1), in_data, [1, 2], torch_kCPU)
    call torch_tensor_from_array(targets, target_data, [1, 2], torch_kCPU)
    call torch_tensor_from_array(loss, loss_data, [1], torch_kCPU)
    do i = 1, n_train
      call optim%zero_grad()
      call torch_model_forward(model, in_tensors, out_tensors, requires_grad=.true.)
      call torch_loss_mse(loss, out_tensors(1), targets)
      call torch_tensor_backward(loss)
      call optim%step()
    end do
    call say('network_loss', loss_data)
    call torch_model_save(model, 'ftorch1_trained.pt')
    call torch_model_load(again, 'ftorch1_trained.pt', torch_kCPU)
    call torch_delete(out_tensors)
    call torch_tensor_from_array(out_tensors(1), out_data, [1, 2], torch_kCPU)
    call torch_model_forward(again, in_tensors, out_tensors)
    call say('network', reshape(out_data, [6]))
    call torch_delete(optim)
  end subroutine network

end module ftorch1_optim_scenarios

program ftorch1_optim
  use :: ftorch1_optim_scenarios, only: adam, adamw, network, sgd
  implicit none (type, external)
  call sgd()
  call adam()
  call adamw()
  call network()
end program ftorch1_optim
