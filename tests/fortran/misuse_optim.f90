module misuse_optim_scenarios
  !! Optimizers used in ways that cannot work.
  use, intrinsic :: ieee_arithmetic, only: ieee_quiet_nan, ieee_value
  use, intrinsic :: iso_fortran_env, only: int64, real64
  use :: ftorch
  use :: misuse_kit, only: expect, scenario
  implicit none (type, external)
  private
  public :: optim_scenarios

contains

  function optim_scenarios() result(table)
    type(scenario), allocatable :: table(:)
    table = [scenario('no_parameters', no_parameters), scenario('not_requiring', not_requiring), &
      scenario('not_a_leaf', not_a_leaf), scenario('null_parameter', null_parameter), scenario('twice', twice), &
      scenario('negative_rate', negative_rate), scenario('nan_rate', nan_rate), scenario('beta', beta), &
      scenario('nesterov', nesterov), scenario('history', history), scenario('model_frozen', model_frozen), &
      scenario('model_not_loaded', model_not_loaded), scenario('step_first', step_first), scenario('step_null', step_null), &
      scenario('step_deleted', step_deleted), scenario('group_range', group_range), scenario('group_zero', group_zero), &
      scenario('set_nan', set_nan), scenario('lbfgs_plain', lbfgs_plain), scenario('lbfgs_group', lbfgs_group), &
      scenario('closure_fails', closure_fails), scenario('closure_empty', closure_empty), &
      scenario('closure_shape', closure_shape), scenario('load_other', load_other), scenario('load_missing', load_missing), &
      scenario('shared', shared), scenario('old_survives', old_survives)]
  end function optim_scenarios

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

  subroutine no_parameters(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(0)
    type(torch_optim) :: o
    call torch_optim_SGD(o, w, stat=stat, errmsg=errmsg)
  end subroutine no_parameters

  subroutine not_requiring(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    call weights(w)
    call torch_tensor_full(w(2), 1.0)
    call torch_optim_Adam(o, w, stat=stat, errmsg=errmsg)
  end subroutine not_requiring

  subroutine not_a_leaf(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    call weights(w)
    w(1) = w(1) * 2
    call torch_optim_AdamW(o, w, stat=stat, errmsg=errmsg)
  end subroutine not_a_leaf

  subroutine null_parameter(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    call weights(w(:1))
    call torch_optim_SGD(o, w, stat=stat, errmsg=errmsg)
  end subroutine null_parameter

  subroutine twice(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    call weights(w)
    call torch_optim_SGD(o, w(:1))
    call o%add_group(w, stat=stat, errmsg=errmsg)
    call expect(o%group_count() == 1, 'no group was added')
  end subroutine twice

  subroutine negative_rate(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    call weights(w)
    call torch_optim_SGD(o, w, -0.1_real64, stat=stat, errmsg=errmsg)
  end subroutine negative_rate

  subroutine nan_rate(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    call weights(w)
    call torch_optim_RMSprop(o, w, ieee_value(1.0_real64, ieee_quiet_nan), stat=stat, errmsg=errmsg)
  end subroutine nan_rate

  subroutine beta(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    call weights(w)
    call torch_optim_Adam(o, w, beta_2=1.0_real64, stat=stat, errmsg=errmsg)
  end subroutine beta

  subroutine nesterov(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    call weights(w)
    call torch_optim_SGD(o, w, nesterov=.true., stat=stat, errmsg=errmsg)
  end subroutine nesterov

  subroutine history(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    call weights(w)
    call torch_optim_LBFGS(o, w, history_size=0, stat=stat, errmsg=errmsg)
  end subroutine history

  subroutine model_frozen(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: m
    type(torch_optim) :: o
    call torch_model_load(m, 'linear.pt')
    call torch_optim_SGD(o, m, stat=stat, errmsg=errmsg)
  end subroutine model_frozen

  subroutine model_not_loaded(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: m
    type(torch_optim) :: o
    call torch_optim_SGD(o, m, stat=stat, errmsg=errmsg)
  end subroutine model_not_loaded

  subroutine step_first(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    call weights(w)
    call torch_optim_SGD(o, w)
    call o%step(stat=stat, errmsg=errmsg)
  end subroutine step_first

  subroutine step_null(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_optim) :: o
    call torch_optim_step(o, stat=stat, errmsg=errmsg)
  end subroutine step_null

  subroutine step_deleted(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o, bits
    call weights(w)
    call torch_optim_SGD(o, w)
    bits%p = o%p
    call torch_delete(o)
    call torch_optim_delete(o)
    call bits%step(stat=stat, errmsg=errmsg)
  end subroutine step_deleted

  subroutine group_range(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    call weights(w)
    call torch_optim_SGD(o, w)
    call o%set_learning_rate(0.5_real64, group=2, stat=stat, errmsg=errmsg)
    call expect(abs(o%get_learning_rate() - 1e-3_real64) <= 0, 'the learning rate is as before')
  end subroutine group_range

  subroutine group_zero(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    call weights(w)
    call torch_optim_SGD(o, w)
    call o%set_learning_rate(0.5_real64, group=0, stat=stat, errmsg=errmsg)
  end subroutine group_zero

  subroutine set_nan(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    call weights(w)
    call torch_optim_SGD(o, w)
    call o%set_learning_rate(ieee_value(1.0_real64, ieee_quiet_nan), stat=stat, errmsg=errmsg)
  end subroutine set_nan

  subroutine lbfgs_plain(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    call with_gradients(w)
    call torch_optim_LBFGS(o, w)
    call o%step(stat=stat, errmsg=errmsg)
  end subroutine lbfgs_plain

  subroutine lbfgs_group(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    call weights(w)
    call torch_optim_LBFGS(o, w(:1))
    call o%add_group(w(2:), stat=stat, errmsg=errmsg)
  end subroutine lbfgs_group

  subroutine closure_fails(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(1)
    type(torch_optim) :: o
    integer :: calls
    calls = 0
    call weights(w)
    call torch_optim_LBFGS(o, w, 0.1_real64)
    call o%step(fails_later, stat=stat, errmsg=errmsg)
    call expect(calls == 3, 'weights had been changed')
    call expect(all_ones(w(1)), 'the weights are as before the step')

  contains

    subroutine fails_later(loss, stat, errmsg)
      type(torch_tensor), intent(inout) :: loss
      integer, intent(inout) :: stat
      character(len=*), intent(inout) :: errmsg
      calls = calls + 1
      call o%zero_grad()
      loss = torch_sum(w(1)**4)
      call torch_tensor_backward(loss)
      if (calls < 3) return
      stat = torch_error_model
      errmsg = 'no convergence today'
    end subroutine fails_later

  end subroutine closure_fails

  subroutine closure_empty(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(1)
    type(torch_optim) :: o
    call weights(w)
    call torch_optim_SGD(o, w)
    call o%step(forgets, stat=stat, errmsg=errmsg)
  end subroutine closure_empty

  subroutine closure_shape(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(1)
    type(torch_optim) :: o
    call weights(w)
    call torch_optim_SGD(o, w)
    call o%step(gives_many, stat=stat, errmsg=errmsg)
  end subroutine closure_shape

  subroutine load_other(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o, p
    call with_gradients(w)
    call torch_optim_Adam(o, w)
    call o%step()
    call o%save('misuse_adam.optim')
    call torch_optim_SGD(p, w, learning_rate=0.5_real64)
    call p%load('misuse_adam.optim', stat=stat, errmsg=errmsg)
    call expect(abs(p%get_learning_rate() - 0.5_real64) <= 0, 'the learning rate is as before')
  end subroutine load_other

  subroutine load_missing(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    call weights(w)
    call torch_optim_Adam(o, w)
    call o%load('missing.optim', stat=stat, errmsg=errmsg)
  end subroutine load_missing

  subroutine shared(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o, p, q
    call with_gradients(w)
    call torch_optim_SGD(o, w)
    p = o
    q = o
    p = p
    call torch_delete(o)
    call torch_delete(w)
    call p%set_learning_rate(0.25_real64)
    call expect(abs(q%get_learning_rate() - 0.25_real64) <= 0, 'both names are of one optimizer')
    call q%step(stat=stat, errmsg=errmsg)
  end subroutine shared

  subroutine old_survives(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: w(2)
    type(torch_optim) :: o
    call weights(w)
    call torch_optim_SGD(o, w, 0.5_real64)
    call torch_optim_SGD(o, w, -0.5_real64, stat=stat, errmsg=errmsg)
    call expect(abs(o%get_learning_rate() - 0.5_real64) <= 0, 'the old optimizer is still there')
  end subroutine old_survives

  subroutine forgets(loss, stat, errmsg)
    type(torch_tensor), intent(inout) :: loss
    integer, intent(inout) :: stat
    character(len=*), intent(inout) :: errmsg
    if (stat /= 0) errmsg = 'never'
    call torch_delete(loss)
  end subroutine forgets

  subroutine gives_many(loss, stat, errmsg)
    type(torch_tensor), intent(inout) :: loss
    integer, intent(inout) :: stat
    character(len=*), intent(inout) :: errmsg
    if (stat /= 0) errmsg = 'never'
    call torch_tensor_ones(loss, 1, [3_int64], torch_kFloat32, torch_kCPU)
  end subroutine gives_many

  logical function all_ones(tensor)
    type(torch_tensor), intent(in) :: tensor
    real(real64), allocatable :: values(:)
    call torch_tensor_to_array(tensor, values)
    all_ones = all(abs(values - 1) <= 0)
  end function all_ones

end module misuse_optim_scenarios

program misuse_optim
  use :: misuse_kit, only: run_scenarios
  use :: misuse_optim_scenarios, only: optim_scenarios
  implicit none (type, external)
  call run_scenarios(optim_scenarios())
end program misuse_optim
