module misuse_handles_scenarios
  !! Handles that name nothing any more, or never did; expressions used twice. Scenarios whose name begins with "stops" use
  !! functions, operators or assignment, which have no stat.
  use, intrinsic :: iso_c_binding, only: c_associated, c_intptr_t, c_null_ptr, c_ptr
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: ftorch
  use :: misuse_kit, only: expect, scenario, succeed
  implicit none (type, external)
  private
  public :: handle_scenarios

contains

  function handle_scenarios() result(table)
    type(scenario), allocatable :: table(:)
    table = [scenario('null_handle', null_handle), scenario('used_after_delete', used_after_delete), &
      scenario('slot_given_again', slot_given_again), scenario('forged', forged), scenario('other_kind', other_kind), &
      scenario('tensor_as_model', tensor_as_model), scenario('double_delete', double_delete), &
      scenario('model_after_delete', model_after_delete), scenario('output_deleted', output_deleted), &
      scenario('stops_rank_of_null', stops_rank_of_null), scenario('stops_sum_of_null', stops_sum_of_null), &
      scenario('stops_sum_of_shapes', stops_sum_of_shapes), scenario('stops_left_unallocated', stops_left_unallocated), &
      scenario('stops_wrapped_shape', stops_wrapped_shape), scenario('stops_wrapped_dtype', stops_wrapped_dtype), &
      scenario('stops_wrapped_narrower', stops_wrapped_narrower), &
      scenario('stops_expression_twice', stops_expression_twice), &
      scenario('stops_expression_assigned', stops_expression_assigned), &
      scenario('stops_associate_twice', stops_associate_twice), &
      scenario('stops_shape_of_expression', stops_shape_of_expression)]
  end function handle_scenarios

  subroutine null_handle(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    call torch_tensor_clone(a, b, stat=stat, errmsg=errmsg)
  end subroutine null_handle

  subroutine used_after_delete(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    type(c_ptr) :: stale
    call torch_tensor_full(a, 1.0)
    stale = a%p
    call torch_delete(a)
    call expect(.not. c_associated(a%p), 'deleted tensors are null')
    a%p = stale
    call torch_tensor_clone(a, b, stat=stat, errmsg=errmsg)
  end subroutine used_after_delete

  subroutine slot_given_again(stat, errmsg)
    !! The slot of the old handle has a new tenant; the old handle must not reach it.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b, tenant
    type(c_ptr) :: stale
    call torch_tensor_full(a, 1.0)
    stale = a%p
    call torch_delete(a)
    call torch_tensor_full(tenant, 2.0)
    a%p = stale
    call torch_delete(a)
    call expect(torch_live_handles(torch_handle_tensor) == 1_int64, 'the new tenant lives')
    a%p = stale
    call torch_tensor_clone(a, b, stat=stat, errmsg=errmsg)
  end subroutine slot_given_again

  subroutine forged(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    a%p = transfer(1234567890123456789_c_intptr_t, a%p)
    call torch_tensor_clone(a, b, stat=stat, errmsg=errmsg)
  end subroutine forged

  subroutine other_kind(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    type(torch_tensor) :: a, b
    call torch_model_load(model, 'linear.pt')
    a%p = model%p
    call torch_tensor_clone(a, b, stat=stat, errmsg=errmsg)
  end subroutine other_kind

  subroutine tensor_as_model(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    type(torch_tensor) :: a
    real(real64) :: difference
    call torch_tensor_full(a, 1.0)
    model%p = a%p
    call torch_model_self_test(model, difference, stat=stat, errmsg=errmsg)
  end subroutine tensor_as_model

  subroutine double_delete(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b, several(3)
    type(torch_model) :: model, twin
    integer :: i
    if (present(errmsg)) errmsg = ''
    call torch_tensor_full(a, 1.0)
    b%p = a%p
    call torch_delete(a)
    call torch_delete(a)
    call torch_delete(b)
    do i = 1, 3
      call torch_tensor_full(several(i), 1.0)
    end do
    call torch_delete(several)
    call torch_delete(several)
    call torch_model_load(model, 'linear.pt')
    twin%p = model%p
    call torch_delete(twin)
    call torch_delete(model)
    call torch_delete(model)
    call expect(torch_live_handles() == 0_int64, 'nothing is left')
    call succeed(stat)
  end subroutine double_delete

  subroutine model_after_delete(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model, twin
    real(real64) :: difference
    call torch_model_load(model, 'linear.pt')
    twin%p = model%p
    call torch_delete(model)
    call torch_model_self_test(twin, difference, stat=stat, errmsg=errmsg)
  end subroutine model_after_delete

  subroutine output_deleted(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    type(torch_tensor) :: x(1), y(1)
    type(c_ptr) :: stale
    call torch_model_load(model, 'linear.pt')
    call torch_tensor_ones(x(1), 2, [1_int64, 5_int64], torch_kFloat32, torch_kCPU)
    call torch_tensor_ones(y(1), 2, [1_int64, 3_int64], torch_kFloat32, torch_kCPU)
    stale = y(1)%p
    call torch_delete(y)
    y(1)%p = stale
    call torch_model_forward(model, x, y, stat=stat, errmsg=errmsg)
  end subroutine output_deleted

  subroutine stops_rank_of_null(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a
    if (present(errmsg)) errmsg = ''
    if (present(stat)) stat = a%get_rank()
    print *, a%get_rank()
  end subroutine stops_rank_of_null

  subroutine stops_sum_of_null(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b, c
    if (present(errmsg)) errmsg = ''
    call torch_tensor_full(a, 1.0)
    c = a + b
    call succeed(stat)
  end subroutine stops_sum_of_null

  subroutine stops_sum_of_shapes(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b, c
    if (present(errmsg)) errmsg = ''
    call torch_tensor_ones(a, 1, [3_int64], torch_kFloat32, torch_kCPU)
    call torch_tensor_ones(b, 1, [4_int64], torch_kFloat32, torch_kCPU)
    c = a + b
    call succeed(stat)
  end subroutine stops_sum_of_shapes

  subroutine stops_left_unallocated(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a
    type(torch_tensor), allocatable :: y
    if (present(errmsg)) errmsg = ''
    call torch_tensor_full(a, 1.0)
    y = a
    call succeed(stat)
  end subroutine stops_left_unallocated

  subroutine stops_wrapped_shape(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    real(real32), target :: array(4)
    if (present(errmsg)) errmsg = ''
    array = 0
    call torch_tensor_from_array(a, array)
    call torch_tensor_ones(b, 1, [1_int64], torch_kFloat32, torch_kCPU)
    a = b
    call succeed(stat)
  end subroutine stops_wrapped_shape

  subroutine stops_wrapped_dtype(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    integer, target :: array(4)
    if (present(errmsg)) errmsg = ''
    array = 0
    call torch_tensor_from_array(a, array)
    call torch_tensor_ones(b, 1, [4_int64], torch_kFloat32, torch_kCPU)
    a = b
    call succeed(stat)
  end subroutine stops_wrapped_dtype

  subroutine stops_wrapped_narrower(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    real(real32), target :: array(4)
    if (present(errmsg)) errmsg = ''
    array = 0
    call torch_tensor_from_array(a, array)
    call torch_tensor_ones(b, 1, [4_int64], torch_kFloat64, torch_kCPU)
    a = b * 1.0e300_real64
    call succeed(stat)
  end subroutine stops_wrapped_narrower

  subroutine stops_expression_twice(stat, errmsg)
    !! Where the compiler finalizes function results the expression lives to its end and may be used twice.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a
    if (present(errmsg)) errmsg = ''
    call torch_tensor_full(a, 2.0)
    call twice(a + a)
    call succeed(stat)
  end subroutine stops_expression_twice

  subroutine twice(t)
    type(torch_tensor), intent(in) :: t
    type(torch_tensor) :: u
    real(real32), pointer :: p
    u = -t
    u = u * t
    call torch_tensor_to_array(u, p)
    print '(a,f0.1)', 'value ', p
  end subroutine twice

  subroutine stops_expression_assigned(stat, errmsg)
    !! Assignment takes an expression's result over, so it cannot be used again, with any compiler.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a
    if (present(errmsg)) errmsg = ''
    call torch_tensor_full(a, 2.0)
    call assigned(a + a)
    call succeed(stat)
  end subroutine stops_expression_assigned

  subroutine assigned(t)
    type(torch_tensor), intent(in) :: t
    type(torch_tensor) :: u
    u = t
    u = u * t
  end subroutine assigned

  subroutine stops_associate_twice(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b, c
    real(real32), pointer :: p
    if (present(errmsg)) errmsg = ''
    call torch_tensor_full(a, 2.0)
    associate (z => a + a)
      b = a * z
      c = a * z
    end associate
    call torch_tensor_to_array(c, p)
    print '(a,f0.1)', 'value ', p
    call succeed(stat)
  end subroutine stops_associate_twice

  subroutine stops_shape_of_expression(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a
    if (present(errmsg)) errmsg = ''
    call torch_tensor_ones(a, 1, [3_int64], torch_kFloat32, torch_kCPU)
    print '(a,i0)', 'value ', torch_tensor_get_shape(a + a)
    call succeed(stat)
  end subroutine stops_shape_of_expression

end module misuse_handles_scenarios

program misuse_handles
  use :: misuse_handles_scenarios, only: handle_scenarios
  use :: misuse_kit, only: run_scenarios
  implicit none (type, external)
  call run_scenarios(handle_scenarios())
end program misuse_handles
