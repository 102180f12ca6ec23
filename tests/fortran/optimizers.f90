module optimizers_kit
  !! 200 steps of one optimizer on a small network in double precision, a regression for L-BFGS: one loss per line, then the
  !! weights. Python does the same.
  use, intrinsic :: iso_fortran_env, only: real64
  use :: ftorch
  implicit none (type, external)
  private
  public :: train

  integer, parameter :: steps = 200, samples = 20

  type(torch_model) :: network
  type(torch_optim) :: optim
  type(torch_tensor) :: input(1), expected
  type(torch_tensor), allocatable :: weights(:)
  logical :: penalized

contains

  subroutine train(name, resumed)
    character(len=*), intent(in) :: name
    logical, intent(in) :: resumed
      !! Whether another optimizer takes over in the middle, with what the first one saved
    real(real64), target :: x(samples, 3), y(samples, 2)
    type(torch_tensor) :: loss
    type(torch_ema) :: ema
    real(real64), pointer :: first(:, :)
    integer :: i, j, k, stat
    character(len=200) :: errmsg
    do i = 1, samples
      do j = 1, 3
        x(i, j) = sin(real(i * j, real64))
      end do
      y(i, 1) = x(i, 1) * x(i, 2)
      y(i, 2) = x(i, 3)
    end do
    if (index(name, 'lbfgs') == 1) then
      call torch_model_load(network, 'regression64.pt', requires_grad=.true., is_training=.true.)
    else
      call torch_model_load(network, 'perceptron64.pt', requires_grad=.true., is_training=.true.)
    end if
    penalized = name == 'rmsprop'
    allocate (weights(torch_model_count_parameters(network)))
    call torch_tensor_from_array(input(1), x)
    call torch_tensor_from_array(expected, y)
    call torch_model_parameters(network, weights)
    call make(name)
    if (name == 'ema') call torch_ema_create(ema, network, decay=0.95_real64)
    do k = 1, steps
      if (resumed .and. k == steps / 2) then
        call optim%save(name // '.optim')
        call make(name)
        call optim%load(name // '.optim')
      end if
      if (index(name, 'lbfgs') == 1 .or. name == 'adam_closure') then
        call optim%step(closure, loss)
      else
        stat = 0
        if (name /= 'accumulated' .or. mod(k, 4) == 1) call optim%zero_grad()
        if (name == 'sgd_partial') call torch_tensor_set_requires_grad(weights(1), k >= 4)  ! no gradient until then
        call evaluate(loss, stat, errmsg)
        if (name == 'accumulated' .and. mod(k, 4) /= 0) cycle
        call clip(name)
        call optim%step()
        if (name == 'ema') call torch_ema_update(ema, weights)
      end if
      call report(loss)
    end do
    if (name == 'ema') call averages()
    call torch_tensor_to_array(weights(1), first)
    print '(es25.16)', first
    call torch_delete(network)
    call torch_delete(weights)
    call torch_delete(optim)
    call torch_delete(input)
    call torch_delete(expected)
    deallocate (weights)

  contains

    subroutine averages()
      !! The averages are in the network at the end, whichever way they got there.
      type(torch_ema) :: another
      another = ema
      call torch_ema_swap(ema, network)
      call torch_ema_restore(ema, network)
      call torch_ema_update(ema, network)  ! not the other one
      call torch_ema_copy_to(another, network)
    end subroutine averages

  end subroutine train

  subroutine clip(name)
    !! The norm that is returned is printed: it is that before clipping.
    character(len=*), intent(in) :: name
    real(real64) :: norm
    norm = 0
    select case (name)
    case ('clip_norm')
      call torch_clip_grad_norm(network, 0.1_real64, norm)
    case ('clip_norm_1')
      call torch_clip_grad_norm(weights, 0.5_real64, norm, norm_type=1.0_real64, error_if_nonfinite=.true.)
    case ('clip_value')
      call torch_clip_grad_value(weights, 0.02_real64)
    case default
      return
    end select
    if (index(name, 'clip_norm') == 1) print '(es25.16)', norm
  end subroutine clip

  subroutine report(loss)
    type(torch_tensor), intent(in) :: loss
    real(real64) :: value(1)
    type(torch_tensor) :: flat
    flat = torch_reshape(loss, [1])
    call torch_tensor_copy_to(flat, value)
    print '(es25.16)', value
  end subroutine report

  subroutine closure(loss, stat, errmsg)
    type(torch_tensor), intent(inout) :: loss
    integer, intent(inout) :: stat
    character(len=*), intent(inout) :: errmsg
    call optim%zero_grad()
    call evaluate(loss, stat, errmsg)
  end subroutine closure

  subroutine evaluate(loss, stat, errmsg)
    type(torch_tensor), intent(inout) :: loss
    integer, intent(inout) :: stat
    character(len=*), intent(inout) :: errmsg
    type(torch_tensor) :: output(1)
    integer :: i
    call network%forward(input, output, requires_grad=.true., stat=stat, errmsg=errmsg)
    if (stat == 0) loss = torch_mean((output(1) - expected)**2)
    if (stat == 0 .and. penalized) then
      do i = 1, size(weights)
        loss = loss + 0.01_real64 * torch_sum(weights(i)**2)
      end do
    end if
    if (stat == 0) call torch_tensor_backward(loss, stat=stat, errmsg=errmsg)
  end subroutine evaluate

  subroutine make(name)
    character(len=*), intent(in) :: name
    real(real64), parameter :: rate = 0.01_real64
    select case (name)
    case ('sgd', 'accumulated', 'clip_norm', 'clip_norm_1', 'clip_value', 'ema')
      call torch_optim_SGD(optim, weights, rate)
    case ('sgd_decay')
      call torch_optim_SGD(optim, weights, rate, weight_decay=0.1_real64)
    case ('sgd_momentum', 'sgd_partial')
      call torch_optim_SGD(optim, weights, rate, 0.9_real64, 0.01_real64, 0.3_real64)
    case ('sgd_nesterov')
      call torch_optim_SGD(optim, network, rate, momentum=0.8_real64, weight_decay=0.02_real64, nesterov=.true.)
    case ('adam')
      call torch_optim_Adam(optim, weights)
    case ('adam_closure')
      call torch_optim_Adam(optim, network, rate, 0.8_real64, 0.95_real64, 1e-6_real64)
    case ('adam_decay')
      call torch_optim_Adam(optim, weights, rate, 0.8_real64, 0.95_real64, 1e-4_real64, 0.1_real64)
    case ('adam_amsgrad')
      call torch_optim_Adam(optim, weights, learning_rate=rate, weight_decay=0.05_real64, amsgrad=.true.)
    case ('adamw')
      call torch_optim_AdamW(optim, weights)
    case ('adamw_amsgrad')
      call torch_optim_AdamW(optim, network, rate, 0.85_real64, 0.9_real64, 1e-5_real64, 0.2_real64, .true.)
    case ('adagrad')
      call torch_optim_Adagrad(optim, weights)
    case ('adagrad_options')
      call torch_optim_Adagrad(optim, weights, 0.1_real64, 0.05_real64, 0.02_real64, 0.3_real64, 1e-3_real64)
    case ('rmsprop')
      call torch_optim_RMSprop(optim, weights)
    case ('rmsprop_momentum')
      call torch_optim_RMSprop(optim, weights, 1e-3_real64, 0.9_real64, 1e-2_real64, 0.1_real64, 0.7_real64)
    case ('rmsprop_centered')
      call torch_optim_RMSprop(optim, weights, 1e-3_real64, momentum=0.5_real64, centered=.true.)
    case ('lbfgs')
      call torch_optim_LBFGS(optim, weights)
    case ('lbfgs_options')
      call torch_optim_LBFGS(optim, weights, 0.5_real64, 8, 20, 1e-9_real64, 1e-11_real64, 4)
    case ('lbfgs_wolfe')
      call torch_optim_LBFGS(optim, network, strong_wolfe=.true.)
    case ('groups')
      call torch_optim_AdamW(optim, weights(1:2), rate)
      call torch_optim_add_group(optim, weights(3:3), learning_rate=0.002_real64)
      call optim%add_group(weights(4:4), weight_decay=0.3_real64)
      call optim%set_learning_rate(0.02_real64, group=3)
      if (optim%group_count() /= 3) error stop 'not three groups'
      if (abs(optim%get_learning_rate(3) - 0.02_real64) > 0) error stop 'learning rate of group 3'
      if (abs(optim%get_learning_rate() - rate) > 0) error stop 'learning rate of group 1'
    case ('own_options')
      call torch_optim_Adam(optim, weights(1:2), rate)
      call optim%add_group(weights(3:3), beta_1=0.5_real64, eps=1e-3_real64)
      call optim%add_group(weights(4:4), learning_rate=0.02_real64, beta_2=0.8_real64)
      if (abs(optim%get_option('beta_1', group=2) - 0.5_real64) > 0) error stop 'beta_1 of group 2'
    case ('own_momenta')
      call torch_optim_SGD(optim, weights(1:1), rate)
      call optim%add_group(weights(2:3), momentum=0.9_real64, dampening=0.1_real64)
      call optim%add_group(weights(4:4), momentum=0.5_real64)
    case default
      error stop 'no such optimizer'
    end select
  end subroutine make

end module optimizers_kit

program optimizers
  use :: ftorch, only: torch_live_handles
  use :: optimizers_kit, only: train
  implicit none (type, external)
  character(len=20) :: name, resumed
  call get_command_argument(1, name)
  call get_command_argument(2, resumed)
  call train(trim(name), resumed == 'resumed')
  if (torch_live_handles() /= 0) error stop 'handles are left'
end program optimizers
