module schedules_kit
  !! 200 steps of one schedule and an optimizer of three groups: the rates before each step and the momentum after it, then the
  !! weights that they trained. Python does the same.
  use, intrinsic :: iso_fortran_env, only: int64, real64
  use :: ftorch
  implicit none (type, external)
  private
  public :: follow

  integer, parameter :: steps = 200

contains

  subroutine follow(name, half)
    character(len=*), intent(in) :: name
    logical, intent(in) :: half
      !! Whether the second half is left to a schedule that got the state of the first
    type(torch_tensor) :: weights(3)
    type(torch_optim) :: optim
    type(torch_schedule) :: schedule, another
    real(real64), allocatable :: state(:), values(:)
    integer :: k, g
    call torch_tensor_ones(weights(1), 1, [2_int64], torch_kFloat64, torch_kCPU, requires_grad=.true.)
    call torch_tensor_ones(weights(2), 1, [3_int64], torch_kFloat64, torch_kCPU, requires_grad=.true.)
    call torch_tensor_ones(weights(3), 1, [4_int64], torch_kFloat64, torch_kCPU, requires_grad=.true.)
    if (name == 'one_cycle_adam') then
      call torch_optim_Adam(optim, weights(1:1), 0.1_real64)
    else
      call torch_optim_SGD(optim, weights(1:1), 0.1_real64, momentum=0.9_real64)
    end if
    call optim%add_group(weights(2:2), learning_rate=0.03_real64)
    call optim%add_group(weights(3:3), learning_rate=1.7_real64)
    call make(name, schedule, optim)
    do k = 1, steps
      do g = 1, 3
        print '(es25.16)', optim%get_learning_rate(g)
      end do
      if (half .and. k == steps / 2) call change_over()
      call train()
      if (index(name, 'plateau') == 1) then
        call schedule%step(metric=sin(k * 0.11_real64) / (1 + k * 0.02_real64))
      else
        call schedule%step()
      end if
      print '(es25.16)', momentum(2)
    end do
    do g = 1, 3
      call torch_tensor_to_array(weights(g), values)
      print '(es25.16)', values
    end do

  contains

    subroutine train()
      !! One step down to the numbers 0, 1, ... in each weight.
      type(torch_tensor) :: loss
      integer :: i
      call optim%zero_grad()
      do i = 1, 3
        loss = 0.1_real64 * torch_sum((weights(i) - torch_arange(0, i + 1, dtype=torch_kFloat64))**2)
        call torch_tensor_backward(loss)
      end do
      call optim%step()
    end subroutine train

    real(real64) function momentum(group)
      integer, intent(in) :: group
      if (name == 'one_cycle_adam') then
        momentum = optim%get_option('beta_1', group)
      else
        momentum = optim%get_option('momentum', group)
      end if
    end function momentum

    subroutine change_over()
      real(real64) :: rates(3), before
      before = momentum(1)
      do g = 1, 3
        rates(g) = optim%get_learning_rate(g)
      end do
      call schedule%get_state(state)
      call make(name, another, optim)
      call another%set_state(state)
      schedule = another
      do g = 1, 3
        call optim%set_learning_rate(rates(g), group=g)
      end do
      call optim%set_option(trim(merge('beta_1  ', 'momentum', name == 'one_cycle_adam')), before)
    end subroutine change_over

  end subroutine follow

  subroutine make(name, schedule, optim)
    character(len=*), intent(in) :: name
    type(torch_schedule), intent(inout) :: schedule
    type(torch_optim), intent(in) :: optim
    type(torch_schedule) :: parts(3)
    select case (name)
    case ('step')
      call torch_schedule_step(schedule, optim, 30)
    case ('multistep')
      call torch_schedule_multistep(schedule, optim, [20, 60, 60, 150], 0.3_real64)
    case ('exponential')
      call torch_schedule_exponential(schedule, optim, 0.97_real64)
    case ('linear')
      call torch_schedule_linear(schedule, optim)
    case ('linear_options')
      call torch_schedule_linear(schedule, optim, 0.2_real64, 0.7_real64, 60)
    case ('warmup')
      call torch_schedule_warmup(schedule, optim, 40)
    case ('polynomial')
      call torch_schedule_polynomial(schedule, optim)
    case ('polynomial_options')
      call torch_schedule_polynomial(schedule, optim, 150, 2.5_real64)
    case ('cosine')
      call torch_schedule_cosine(schedule, optim, 30, 0.02_real64)
    case ('cosine_long')
      call torch_schedule_cosine(schedule, optim, 300)
    case ('cosine_restarts')
      call torch_schedule_cosine_restarts(schedule, optim, 37)
    case ('cosine_restarts_options')
      call torch_schedule_cosine_restarts(schedule, optim, 13, 2, 0.001_real64)
    case ('one_cycle', 'one_cycle_adam')
      call torch_schedule_one_cycle(schedule, optim, 0.5_real64, 210)
    case ('one_cycle_still')
      call torch_schedule_one_cycle(schedule, optim, 0.5_real64, 210, cycle_momentum=.false.)
    case ('one_cycle_options')
      call torch_schedule_one_cycle(schedule, optim, 0.5_real64, 201, 0.4_real64, 'linear', 10.0_real64, 100.0_real64, .true., &
        base_momentum=0.7_real64, max_momentum=0.8_real64)
    case ('plateau')
      call torch_schedule_plateau(schedule, optim)
    case ('plateau_options')
      call torch_schedule_plateau(schedule, optim, 'max', 0.5_real64, 3, 0.01_real64, 'abs', 2, 0.01_real64, 1e-3_real64)
    case ('chained')
      call torch_schedule_warmup(parts(1), optim, 20, 0.1_real64)
      call torch_schedule_exponential(parts(2), optim, 0.99_real64)
      call torch_schedule_step(parts(3), optim, 50, 0.5_real64)
      call torch_schedule_chained(schedule, parts)
    case ('sequential')
      call torch_schedule_warmup(parts(1), optim, 20, 0.1_real64)
      call torch_schedule_cosine(parts(2), optim, 50)
      call torch_schedule_exponential(parts(3), optim, 0.95_real64)
      call torch_schedule_sequential(schedule, parts, [20, 80])
    case ('sequential_others')
      call torch_schedule_multistep(parts(1), optim, [5, 9])
      call torch_schedule_cosine_restarts(parts(2), optim, 11, 2, 0.01_real64)
      call torch_schedule_polynomial(parts(3), optim, 70, 1.5_real64)
      call torch_schedule_sequential(schedule, parts, [15, 100])
    case ('sequential_cycle')
      call torch_schedule_linear(parts(1), optim, total_iters=10)
      call torch_schedule_one_cycle(parts(2), optim, 0.4_real64, 250)
      call torch_schedule_sequential(schedule, parts(:2), [25])
    case default
      error stop 'no such schedule'
    end select
  end subroutine make

end module schedules_kit

program schedules
  use :: ftorch, only: torch_live_handles
  use :: schedules_kit, only: follow
  implicit none (type, external)
  character(len=30) :: name, half
  call get_command_argument(1, name)
  call get_command_argument(2, half)
  call follow(trim(name), half == 'half')
  if (torch_live_handles() /= 0) error stop 'handles are left'
end program schedules
