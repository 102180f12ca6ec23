module misuse_training_scenarios
  !! Schedules, clipping and averages used in ways that cannot work.
  use, intrinsic :: iso_fortran_env, only: int64, real64
  use :: ftorch
  use :: misuse_kit, only: scenario
  implicit none (type, external)
  private
  public :: training_scenarios

contains

  function training_scenarios() result(table)
    type(scenario), allocatable :: table(:)
    table = [scenario('clip_negative', clip_negative), scenario('clip_before', clip_before), &
      scenario('clip_infinite', clip_infinite), scenario('ema_decay', ema_decay), scenario('ema_not_made', ema_not_made), &
      scenario('ema_others', ema_others), scenario('ema_swapped', ema_swapped), scenario('ema_not_swapped', ema_not_swapped), &
      scenario('schedule_null', schedule_null), scenario('schedule_gamma', schedule_gamma), &
      scenario('schedule_count', schedule_count), scenario('schedule_word', schedule_word), &
      scenario('schedule_metric', schedule_metric), scenario('schedule_no_metric', schedule_no_metric), &
      scenario('schedule_mixed', schedule_mixed), scenario('schedule_milestones', schedule_milestones), &
      scenario('schedule_plateau', schedule_plateau), scenario('schedule_group', schedule_group), &
      scenario('schedule_state', schedule_state), scenario('schedule_too_far', schedule_too_far)]
  end function training_scenarios

  subroutine weights(list)
    type(torch_tensor), intent(inout) :: list(:)
    integer :: i
    do i = 1, size(list)
      call torch_tensor_ones(list(i), 1, [int(i + 1, int64)], torch_kFloat64, torch_kCPU, requires_grad=.true.)
    end do
  end subroutine weights

  subroutine with_gradients(list)
    type(torch_tensor), intent(inout) :: list(:)
    integer :: i
    call weights(list)
    do i = 1, size(list)
      call torch_tensor_backward(torch_sum(list(i) * list(i)))
    end do
  end subroutine with_gradients

  subroutine clip_negative(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    call with_gradients(w)
    call torch_clip_grad_norm(w, -1.0_real64, stat=stat, errmsg=errmsg)
  end subroutine clip_negative

  subroutine clip_before(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    call weights(w)
    call torch_clip_grad_value(w, 1.0_real64, stat=stat, errmsg=errmsg)
  end subroutine clip_before

  subroutine clip_infinite(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    call weights(w)
    call torch_tensor_backward(torch_sum(w(1) * 1e300_real64 * 1e300_real64))
    call torch_clip_grad_norm(w, 1.0_real64, error_if_nonfinite=.true., stat=stat, errmsg=errmsg)
  end subroutine clip_infinite

  subroutine ema_decay(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_ema) :: e
    call weights(w)
    call torch_ema_create(e, w, 1.5_real64, stat=stat, errmsg=errmsg)
  end subroutine ema_decay

  subroutine ema_not_made(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_ema) :: e
    call weights(w)
    call torch_ema_update(e, w, stat=stat, errmsg=errmsg)
  end subroutine ema_not_made

  subroutine ema_others(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_ema) :: e
    call weights(w)
    call torch_ema_create(e, w)
    call torch_ema_update(e, w(2:1:-1), stat=stat, errmsg=errmsg)
  end subroutine ema_others

  subroutine ema_swapped(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_ema) :: e
    call weights(w)
    call torch_ema_create(e, w)
    call torch_ema_swap(e, w)
    call torch_ema_update(e, w, stat=stat, errmsg=errmsg)
  end subroutine ema_swapped

  subroutine ema_not_swapped(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_ema) :: e
    call weights(w)
    call torch_ema_create(e, w)
    call torch_ema_restore(e, w, stat=stat, errmsg=errmsg)
  end subroutine ema_not_swapped

  subroutine schedule_null(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_schedule) :: s
    call s%step(stat=stat, errmsg=errmsg)
  end subroutine schedule_null

  subroutine schedule_gamma(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    type(torch_schedule) :: s
    call weights(w)
    call torch_optim_SGD(o, w)
    call torch_schedule_exponential(s, o, 0.0_real64, stat=stat, errmsg=errmsg)
  end subroutine schedule_gamma

  subroutine schedule_count(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    type(torch_schedule) :: s
    call weights(w)
    call torch_optim_SGD(o, w)
    call torch_schedule_cosine(s, o, 0, stat=stat, errmsg=errmsg)
  end subroutine schedule_count

  subroutine schedule_word(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    type(torch_schedule) :: s
    call weights(w)
    call torch_optim_SGD(o, w)
    call torch_schedule_plateau(s, o, mode='least', stat=stat, errmsg=errmsg)
  end subroutine schedule_word

  subroutine schedule_metric(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    type(torch_schedule) :: s
    call weights(w)
    call torch_optim_SGD(o, w)
    call torch_schedule_step(s, o, 3)
    call s%step(1.0_real64, stat=stat, errmsg=errmsg)
  end subroutine schedule_metric

  subroutine schedule_no_metric(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    type(torch_schedule) :: s
    call weights(w)
    call torch_optim_SGD(o, w)
    call torch_schedule_plateau(s, o)
    call s%step(stat=stat, errmsg=errmsg)
  end subroutine schedule_no_metric

  subroutine schedule_mixed(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o, p
    type(torch_schedule) :: s(2), both
    call weights(w)
    call torch_optim_SGD(o, w(:1))
    call torch_optim_SGD(p, w(2:))
    call torch_schedule_step(s(1), o, 3)
    call torch_schedule_step(s(2), p, 3)
    call torch_schedule_chained(both, s, stat=stat, errmsg=errmsg)
  end subroutine schedule_mixed

  subroutine schedule_milestones(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    type(torch_schedule) :: s(2), both
    call weights(w)
    call torch_optim_SGD(o, w)
    call torch_schedule_warmup(s(1), o, 3)
    call torch_schedule_cosine(s(2), o, 3)
    call torch_schedule_sequential(both, s, [3, 5], stat=stat, errmsg=errmsg)
  end subroutine schedule_milestones

  subroutine schedule_plateau(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    type(torch_schedule) :: s(2), both
    call weights(w)
    call torch_optim_SGD(o, w)
    call torch_schedule_warmup(s(1), o, 3)
    call torch_schedule_plateau(s(2), o)
    call torch_schedule_chained(both, s, stat=stat, errmsg=errmsg)
  end subroutine schedule_plateau

  subroutine schedule_group(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    type(torch_schedule) :: s
    call weights(w)
    call torch_optim_SGD(o, w(:1))
    call torch_schedule_step(s, o, 3)
    call o%add_group(w(2:))
    call s%step(stat=stat, errmsg=errmsg)
  end subroutine schedule_group

  subroutine schedule_state(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    type(torch_schedule) :: s, t
    real(real64), allocatable :: values(:)
    call weights(w)
    call torch_optim_SGD(o, w)
    call torch_schedule_step(s, o, 3)
    call torch_schedule_exponential(t, o, 0.9_real64)
    call s%get_state(values)
    call t%set_state(values, stat=stat, errmsg=errmsg)
  end subroutine schedule_state

  subroutine schedule_too_far(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    type(torch_schedule) :: s
    integer :: i
    call weights(w)
    call torch_optim_SGD(o, w)
    call torch_schedule_one_cycle(s, o, 0.5_real64, 10, cycle_momentum=.false.)
    do i = 1, 10
      call s%step()
    end do
    call s%step(stat=stat, errmsg=errmsg)
  end subroutine schedule_too_far

end module misuse_training_scenarios

program misuse_training
  use :: misuse_kit, only: run_scenarios
  use :: misuse_training_scenarios, only: training_scenarios
  implicit none (type, external)
  call run_scenarios(training_scenarios())
end program misuse_training
