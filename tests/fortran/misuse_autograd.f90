module misuse_autograd_scenarios
  !! What can go wrong with derivatives and with the scopes of recording.
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: ftorch
  use :: misuse_kit, only: expect, scenario, succeed
  implicit none (type, external)
  private
  public :: autograd_scenarios

contains

  function autograd_scenarios() result(table)
    type(scenario), allocatable :: table(:)
    table = [scenario('backward_twice', backward_twice), scenario('backward_null', backward_null), &
      scenario('grad_unused', grad_unused), scenario('grad_not_recorded', grad_not_recorded), &
      scenario('grad_count', grad_count), scenario('grad_outputs_count', grad_outputs_count), &
      scenario('grad_outputs_shape', grad_outputs_shape), scenario('grad_outputs_needed', grad_outputs_needed), &
      scenario('grad_of_constant', grad_of_constant), scenario('grad_of_nothing', grad_of_nothing), &
      scenario('require_integers', require_integers), scenario('require_inference', require_inference), &
      scenario('release_result', release_result), scenario('in_place_on_leaf', in_place_on_leaf), &
      scenario('in_place_on_needed', in_place_on_needed), scenario('anomaly', anomaly), &
      scenario('check_integers', check_integers), scenario('check_kind', check_kind), &
      scenario('end_without_begin', end_without_begin), scenario('end_of_another', end_of_another), &
      scenario('end_of_variable', end_of_variable), scenario('scopes_nest', scopes_nest), &
      scenario('scope_left_early', scope_left_early), scenario('scope_restored', scope_restored), &
      scenario('calls_restore', calls_restore)]
  end function autograd_scenarios

  subroutine make(x, y)
    !! y = x**2 of three elements
    type(torch_tensor), intent(inout) :: x, y
    call torch_tensor_full(x, 2.0_real64, [3_int64], requires_grad=.true.)
    y = x * x
  end subroutine make

  subroutine backward_twice(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y, s
    call make(x, y)
    s = torch_sum(y)
    call torch_tensor_backward(s)
    call torch_tensor_backward(s, stat=stat, errmsg=errmsg)
  end subroutine backward_twice

  subroutine backward_null(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y, nothing
    call make(x, y)
    call torch_tensor_backward(y, nothing, stat=stat, errmsg=errmsg)
  end subroutine backward_null

  subroutine grad_unused(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x(2), y, g(2)
    call make(x(1), y)
    call torch_tensor_full(x(2), 1.0, requires_grad=.true.)
    call torch_grad([torch_sum(y)], x, g, stat=stat, errmsg=errmsg)
  end subroutine grad_unused

  subroutine grad_not_recorded(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y, z, g
    call make(x, y)
    call torch_tensor_full(z, 1.0)
    call torch_grad(torch_sum(y * z), z, g, stat=stat, errmsg=errmsg)
  end subroutine grad_not_recorded

  subroutine grad_count(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y, g(1)
    call make(x, y)
    call torch_grad([torch_sum(y)], [x, y], g, stat=stat, errmsg=errmsg)
  end subroutine grad_count

  subroutine grad_outputs_count(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y, g(1)
    call make(x, y)
    call torch_grad([y], [x], g, [y, y], stat=stat, errmsg=errmsg)
  end subroutine grad_outputs_count

  subroutine grad_outputs_shape(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y, g
    call make(x, y)
    call torch_grad(y, x, g, torch_sum(y), stat=stat, errmsg=errmsg)
  end subroutine grad_outputs_shape

  subroutine grad_outputs_needed(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y, g
    call make(x, y)
    call torch_grad(y, x, g, stat=stat, errmsg=errmsg)
  end subroutine grad_outputs_needed

  subroutine grad_of_constant(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y, g
    call make(x, y)
    call torch_grad(torch_sum(torch_detach(y)), x, g, stat=stat, errmsg=errmsg)
  end subroutine grad_of_constant

  subroutine grad_of_nothing(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: none(0), x(1), y, g(1)
    call make(x(1), y)
    call torch_grad(none, x, g, stat=stat, errmsg=errmsg)
  end subroutine grad_of_nothing

  subroutine require_integers(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x
    call torch_tensor_full(x, 1)
    call torch_tensor_set_requires_grad(x, stat=stat, errmsg=errmsg)
  end subroutine require_integers

  subroutine require_inference(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x
    call torch_inference_begin()
    call torch_tensor_full(x, 1.0)
    call torch_inference_end()
    call torch_tensor_set_requires_grad(x, stat=stat, errmsg=errmsg)
  end subroutine require_inference

  subroutine release_result(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y
    call make(x, y)
    call torch_tensor_set_requires_grad(y, .false., stat=stat, errmsg=errmsg)
  end subroutine release_result

  subroutine in_place_on_leaf(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y
    call make(x, y)
    call torch_tensor_add(x, 1.0, stat=stat, errmsg=errmsg)
  end subroutine in_place_on_leaf

  subroutine in_place_on_needed(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y
    call make(x, y)
    call x%set(1, 5.0)
    call torch_tensor_backward(torch_sum(y), stat=stat, errmsg=errmsg)
  end subroutine in_place_on_needed

  subroutine anomaly(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x
    call torch_tensor_full(x, 0.0, requires_grad=.true.)
    call torch_set_detect_anomaly(.true.)
    call torch_tensor_backward(torch_sqrt(x) * 0, stat=stat, errmsg=errmsg)
    call torch_set_detect_anomaly(.false.)
  end subroutine anomaly

  subroutine check_integers(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x(1)
    real(real64) :: difference
    call torch_tensor_full(x(1), 1)
    call torch_gradient_check(squared, x, difference, stat=stat, errmsg=errmsg)
  end subroutine check_integers

  subroutine check_kind(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x(1)
    real(real64) :: difference
    call torch_tensor_full(x(1), 1.0)
    call torch_gradient_check(narrowed, x, difference, stat=stat, errmsg=errmsg)
  end subroutine check_kind

  subroutine squared(inputs, output)
    type(torch_tensor), intent(in) :: inputs(:)
    type(torch_tensor), intent(inout) :: output
    output = inputs(1)**2
  end subroutine squared

  subroutine narrowed(inputs, output)
    type(torch_tensor), intent(in) :: inputs(:)
    type(torch_tensor), intent(inout) :: output
    output = torch_to(inputs(1), dtype=torch_kFloat32)
  end subroutine narrowed

  subroutine end_without_begin(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call torch_no_grad_end(stat=stat, errmsg=errmsg)
  end subroutine end_without_begin

  subroutine end_of_another(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call torch_no_grad_begin()
    call torch_inference_end(stat=stat, errmsg=errmsg)
    call torch_no_grad_end()
    call expect(torch_is_grad_enabled(), 'recording again')
  end subroutine end_of_another

  subroutine end_of_variable(stat, errmsg)
    !! The scope of a variable ends with it and not by an end that belongs to another begin.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_grad_scope) :: scope
    call torch_no_grad_begin()
    call scope%enable_grad()
    call torch_no_grad_end(stat=stat, errmsg=errmsg)
    call scope%restore()
    call torch_no_grad_end()
  end subroutine end_of_variable

  subroutine scopes_nest(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y
    call make(x, y)
    if (present(errmsg)) errmsg = ''
    call torch_no_grad_begin()
    call expect(.not. torch_is_grad_enabled(), 'off in no-grad')
    call torch_set_grad_enabled(.true.)
    call torch_inference_begin()
    y = x * x
    call expect(.not. y%requires_grad() .and. .not. torch_is_grad_enabled(), 'off in inference')
    call torch_no_grad_begin()
    call torch_no_grad_end()
    call torch_inference_end()
    call expect(torch_is_grad_enabled(), 'as it was set')
    call torch_no_grad_end()
    call expect(torch_is_grad_enabled(), 'on outside')
    call torch_set_grad_enabled(.false.)
    y = x * x
    call expect(.not. y%requires_grad(), 'switched off')
    call torch_set_grad_enabled(.true.)
    y = x * x
    call expect(y%requires_grad(), 'and on')
    call succeed(stat)
  end subroutine scopes_nest

  subroutine scope_left_early(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    integer :: ignored
    if (present(errmsg)) errmsg = ''
    call leaves(ignored)
    call expect(ignored == torch_error_argument, 'the call inside failed')
    call expect(torch_is_grad_enabled(), 'restored by the end of the variable')
    call torch_no_grad_end(stat=ignored)
    call expect(ignored == torch_error_argument, 'what was begun inside has ended, too')
    call succeed(stat)
  end subroutine scope_left_early

  subroutine leaves(status)
    integer, intent(out) :: status
    type(torch_grad_scope) :: scope
    type(torch_tensor) :: x
    call scope%inference()
    call torch_no_grad_begin()
    call torch_tensor_empty(x, 1, [-1_int64], torch_kFloat32, torch_kCPU, stat=status)
    if (status /= torch_success) return
    call torch_no_grad_end()
  end subroutine leaves

  subroutine scope_restored(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_grad_scope) :: outer, inner
    if (present(errmsg)) errmsg = ''
    call outer%no_grad()
    call inner%enable_grad()
    call expect(torch_is_grad_enabled(), 'on inside')
    call outer%restore()
    call expect(torch_is_grad_enabled(), 'as before the outer one')
    call inner%restore()
    call outer%restore()
    call outer%no_grad()
    call outer%inference()
    call outer%restore()
    call expect(torch_is_grad_enabled(), 'one variable is one scope')
    call succeed(stat)
  end subroutine scope_restored

  subroutine calls_restore(stat, errmsg)
    !! Calls that need another mode inside leave it as it is.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x(1), y, total
    real(real64) :: difference, entries
    if (present(errmsg)) errmsg = ''
    call make(x(1), y)
    total = torch_sum(y)
    call torch_no_grad_begin()
    call torch_tensor_item(torch_sum(torch_hessian(total, x(1))), entries)
    call expect(abs(entries - 6) < 1e-12_real64, 'a Hessian matrix in no-grad')
    call torch_gradient_check(squared, x, difference)
    call expect(difference < 1e-6_real64, 'a check in no-grad')
    call expect(.not. torch_is_grad_enabled(), 'still off')
    call torch_no_grad_end()
    call expect(torch_is_grad_enabled(), 'on again')
    call succeed(stat)
  end subroutine calls_restore

end module misuse_autograd_scenarios

program misuse_autograd
  use :: misuse_autograd_scenarios, only: autograd_scenarios
  use :: misuse_kit, only: run_scenarios
  implicit none (type, external)
  call run_scenarios(autograd_scenarios())
end program misuse_autograd
