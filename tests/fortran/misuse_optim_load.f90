module misuse_optim_load_scenarios
  !! Saved optimizers that belong to others, options that an optimizer does not have: nothing may change, and the next step works.
  use, intrinsic :: iso_fortran_env, only: int64, real64
  use :: ftorch
  use :: misuse_kit, only: expect, scenario
  implicit none (type, external)
  private
  public :: optim_load_scenarios

  real(real64), parameter :: rate = 0.125_real64
  character(len=*), parameter :: file = 'misuse_load.optim'

contains

  function optim_load_scenarios() result(table)
    type(scenario), allocatable :: table(:)
    table = [scenario('momentum_gone', momentum_gone), scenario('momentum_new', momentum_new), &
      scenario('rms_momentum_gone', rms_momentum_gone), scenario('rms_momentum_new', rms_momentum_new), &
      scenario('rms_centered', rms_centered), scenario('nesterov_gone', nesterov_gone), scenario('amsgrad_gone', amsgrad_gone), &
      scenario('amsgrad_new', amsgrad_new), scenario('wolfe_new', wolfe_new), scenario('more_groups', more_groups), &
      scenario('fewer_groups', fewer_groups), scenario('other_shapes', other_shapes), scenario('old_momentum', old_momentum), &
      scenario('old_amsgrad', old_amsgrad), scenario('other_numbers', other_numbers), &
      scenario('shorter_history', shorter_history), &
      scenario('option_of_others', option_of_others), scenario('option_to_zero', option_to_zero), &
      scenario('option_range', option_range), scenario('option_set', option_set), scenario('group_option', group_option)]
  end function optim_load_scenarios

  subroutine weights(list)
    type(torch_tensor), intent(inout) :: list(:)
    integer :: i
    do i = 1, size(list)
      call torch_tensor_ones(list(i), 1, [int(i + 1, int64)], torch_kFloat64, torch_kCPU, requires_grad=.true.)
      call torch_tensor_backward(torch_sum(list(i) * list(i)))
    end do
  end subroutine weights

  subroutine save(optim)
    !! After a step, so that there is something to remember.
    type(torch_optim), intent(in) :: optim
    call optim%step()
    call optim%save(file)
  end subroutine save

  subroutine refuse_load(optim, stat, errmsg)
    !! The load under test, which must leave everything as it was; the step after it must work.
    type(torch_optim), intent(in) :: optim
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call optim%load(file, stat=stat, errmsg=errmsg)
    call expect(abs(optim%get_learning_rate() - rate) <= 0, 'the learning rate is as before')
    call optim%step()
  end subroutine refuse_load

  subroutine momentum_gone(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o, p
    call weights(w)
    call torch_optim_SGD(o, w, momentum=0.9_real64)
    call save(o)
    call torch_optim_SGD(p, w, rate)
    call refuse_load(p, stat, errmsg)
  end subroutine momentum_gone

  subroutine momentum_new(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o, p
    call weights(w)
    call torch_optim_SGD(o, w)
    call save(o)
    call torch_optim_SGD(p, w, rate, momentum=0.9_real64)
    call refuse_load(p, stat, errmsg)
  end subroutine momentum_new

  subroutine rms_momentum_gone(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o, p
    call weights(w)
    call torch_optim_RMSprop(o, w, momentum=0.9_real64)
    call save(o)
    call torch_optim_RMSprop(p, w, rate)
    call refuse_load(p, stat, errmsg)
  end subroutine rms_momentum_gone

  subroutine rms_momentum_new(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o, p
    call weights(w)
    call torch_optim_RMSprop(o, w)
    call save(o)
    call torch_optim_RMSprop(p, w, rate, momentum=0.9_real64)
    call refuse_load(p, stat, errmsg)
  end subroutine rms_momentum_new

  subroutine rms_centered(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o, p
    call weights(w)
    call torch_optim_RMSprop(o, w, centered=.true.)
    call save(o)
    call torch_optim_RMSprop(p, w, rate)
    call refuse_load(p, stat, errmsg)
  end subroutine rms_centered

  subroutine nesterov_gone(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o, p
    call weights(w)
    call torch_optim_SGD(o, w, momentum=0.9_real64, nesterov=.true.)
    call save(o)
    call torch_optim_SGD(p, w, rate, momentum=0.9_real64)
    call refuse_load(p, stat, errmsg)
  end subroutine nesterov_gone

  subroutine amsgrad_gone(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o, p
    call weights(w)
    call torch_optim_Adam(o, w, amsgrad=.true.)
    call save(o)
    call torch_optim_Adam(p, w, rate)
    call refuse_load(p, stat, errmsg)
  end subroutine amsgrad_gone

  subroutine amsgrad_new(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o, p
    call weights(w)
    call torch_optim_AdamW(o, w)
    call save(o)
    call torch_optim_AdamW(p, w, rate, amsgrad=.true.)
    call refuse_load(p, stat, errmsg)
  end subroutine amsgrad_new

  subroutine wolfe_new(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o, p
    call weights(w)
    call torch_optim_LBFGS(o, w)
    call o%save(file)
    call torch_optim_LBFGS(p, w, rate, strong_wolfe=.true.)
    call p%load(file, stat=stat, errmsg=errmsg)
    call expect(abs(p%get_learning_rate() - rate) <= 0, 'the learning rate is as before')
  end subroutine wolfe_new

  subroutine more_groups(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o, p
    call weights(w)
    call torch_optim_Adam(o, w(:1))
    call o%add_group(w(2:))
    call save(o)
    call torch_optim_Adam(p, w(:1), rate)
    call refuse_load(p, stat, errmsg)
  end subroutine more_groups

  subroutine fewer_groups(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o, p
    call weights(w)
    call torch_optim_Adam(o, w(:1))
    call save(o)
    call torch_optim_Adam(p, w(:1), rate)
    call p%add_group(w(2:))
    call refuse_load(p, stat, errmsg)
  end subroutine fewer_groups

  subroutine other_shapes(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o, p
    call weights(w)
    call torch_optim_Adam(o, w)
    call save(o)
    call torch_optim_Adam(p, w(2:1:-1), rate)
    call refuse_load(p, stat, errmsg)
  end subroutine other_shapes

  subroutine old_momentum(stat, errmsg)
    !! A file of the first form, which Python wrote: the options are there once.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(1)
    type(torch_optim) :: o
    real(real64), allocatable :: values(:)
    call weights(w)
    call torch_optim_SGD(o, w, momentum=0.5_real64)
    call o%load('old_sgd.optim', stat=stat, errmsg=errmsg)
    call expect(abs(o%get_option('momentum') - 0.9_real64) <= 0, 'the momentum is that of the file')
    call o%step()
    call torch_tensor_to_array(w(1), values)
    call expect(all(abs(values - (1 - 0.25_real64 * (0.9_real64 * 3 + 2))) < 1e-12_real64), 'a step with the memory of the file')
  end subroutine old_momentum

  subroutine old_amsgrad(stat, errmsg)
    !! Files of the first form do not tell what rule it was, but what it remembered.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(1)
    type(torch_optim) :: o
    call weights(w)
    call torch_optim_Adam(o, w)
    call o%load('old_adam.optim', stat=stat, errmsg=errmsg)
    call o%step()
  end subroutine old_amsgrad

  subroutine other_numbers(stat, errmsg)
    !! Numbers of the rule are brought back as learning rates are.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o, p
    call weights(w)
    call torch_optim_SGD(o, w, rate, momentum=0.9_real64)
    call save(o)
    call torch_optim_SGD(p, w, 0.5_real64, momentum=0.5_real64)
    call refuse_load(p, stat, errmsg)
    call expect(abs(p%get_option('momentum') - 0.9_real64) <= 0, 'the momentum is that of the file')
  end subroutine other_numbers

  subroutine shorter_history(stat, errmsg)
    !! L-BFGS with a shorter memory than before: it forgets the oldest, and nothing beside its memory is touched.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(1)
    type(torch_optim) :: o
    integer :: k
    call weights(w)
    call torch_optim_LBFGS(o, w, 0.1_real64, max_iter=8, history_size=6)
    call o%step(quartic)
    call o%set_option('history_size', 2.0_real64)
    call o%step(quartic)
    call o%set_option('history_size', 50.0_real64)
    do k = 1, 5
      call o%step(quartic)
    end do
    call o%save(file)
    call torch_optim_LBFGS(o, w, history_size=2)
    call o%load(file, stat=stat, errmsg=errmsg)
    call o%step(quartic)

  contains

    subroutine quartic(loss, stat, errmsg)
      type(torch_tensor), intent(inout) :: loss
      integer, intent(inout) :: stat
      character(len=*), intent(inout) :: errmsg
      call o%zero_grad()
      loss = torch_sum((w(1) - torch_arange(2, 4, dtype=torch_kFloat64))**4)
      call torch_tensor_backward(loss, stat=stat, errmsg=errmsg)
    end subroutine quartic

  end subroutine shorter_history

  subroutine option_of_others(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    call weights(w)
    call torch_optim_SGD(o, w)
    call o%set_option('beta_1', 0.5_real64, stat=stat, errmsg=errmsg)
  end subroutine option_of_others

  subroutine option_to_zero(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    call weights(w)
    call torch_optim_SGD(o, w, momentum=0.5_real64)
    call o%set_option('momentum', 0.0_real64, stat=stat, errmsg=errmsg)
    call expect(abs(o%get_option('momentum') - 0.5_real64) <= 0, 'the momentum is as before')
  end subroutine option_to_zero

  subroutine option_range(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    call weights(w)
    call torch_optim_Adam(o, w)
    call o%set_option('beta_2', 1.0_real64, group=1, stat=stat, errmsg=errmsg)
  end subroutine option_range

  subroutine option_set(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    call weights(w)
    call torch_optim_Adam(o, w(:1))
    call o%add_group(w(2:), beta_1=0.5_real64)
    call expect(abs(o%get_option('beta_1', group=2) - 0.5_real64) <= 0, 'the group has its own')
    call o%set_option('beta_1', 0.75_real64, group=2, stat=stat, errmsg=errmsg)
    call expect(abs(o%get_option('beta_1', group=2) - 0.75_real64) <= 0, 'it is set')
    call expect(abs(o%get_option('beta_1') - 0.9_real64) <= 0, 'the other group keeps its own')
  end subroutine option_set

  subroutine group_option(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    call weights(w)
    call torch_optim_SGD(o, w(:1))
    call o%add_group(w(2:), momentum=0.5_real64, eps=1e-3_real64, stat=stat, errmsg=errmsg)
    call expect(o%group_count() == 1, 'no group was added')
  end subroutine group_option

end module misuse_optim_load_scenarios

program misuse_optim_load
  use :: misuse_kit, only: run_scenarios
  use :: misuse_optim_load_scenarios, only: optim_load_scenarios
  implicit none (type, external)
  call run_scenarios(optim_load_scenarios())
end program misuse_optim_load
