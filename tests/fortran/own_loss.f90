program own_loss
  !! A loss that is itself a model, written in Python: 50 steps with it, the loss of each, then the weights.
  use, intrinsic :: iso_fortran_env, only: real64
  use :: ftorch
  implicit none (type, external)
  call train()
  if (torch_live_handles() /= 0) error stop 'handles are left'

contains

  subroutine train()
    real(real64), target :: x(20, 3), y(20, 2)
    real(real64), pointer :: weight(:, :)
    real(real64) :: value
    type(torch_model) :: network, measure
    type(torch_optim) :: optim
    type(torch_tensor) :: input(1), output(1), pair(2), loss(1), first(4)
    integer :: i, j, k
    do i = 1, 20
      do j = 1, 3
        x(i, j) = sin(real(i * j, real64))
      end do
      y(i, 1) = x(i, 1) * x(i, 2)
      y(i, 2) = x(i, 3)
    end do
    call torch_model_load(network, 'perceptron64.pt', requires_grad=.true., is_training=.true.)
    call torch_model_load(measure, 'own_loss.pt')
    call torch_optim_Adam(optim, network, learning_rate=0.01_real64)
    call torch_tensor_from_array(input(1), x)
    call torch_tensor_from_array(pair(2), y)
    do k = 1, 50
      call optim%zero_grad()
      call network%forward(input, output, requires_grad=.true.)
      pair(1) = output(1)
      call measure%forward(pair, loss, requires_grad=.true.)
      call torch_tensor_backward(loss(1))
      call optim%step()
      call torch_tensor_item(loss(1), value)
      print '(es25.16)', value
    end do
    call torch_model_parameters(network, first)
    call torch_tensor_to_array(first(1), weight)
    print '(es25.16)', weight
  end subroutine train

end program own_loss
