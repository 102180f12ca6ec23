module misuse_values_scenarios
  !! Tensors inside the user's own types, copied in every way Fortran has: right values, nothing freed twice, nothing left.
  use, intrinsic :: iso_c_binding, only: c_associated, c_loc
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: ftorch
  use :: misuse_kit, only: expect, scenario, succeed
  implicit none (type, external)
  private
  public :: value_scenarios

  type :: domain
    integer :: n = 0
    type(torch_tensor) :: field
    type(torch_model) :: network
    type(torch_optim) :: optimizer
  end type domain

  type, extends(domain) :: nested_domain
    type(domain) :: inner
    type(torch_tensor), allocatable :: levels(:)
  end type nested_domain

contains

  function value_scenarios() result(table)
    type(scenario), allocatable :: table(:)
    table = [scenario('assignment_copies', assignment_copies), scenario('expressions_move', expressions_move), &
      scenario('writes_through', writes_through), scenario('type_assignment', type_assignment), &
      scenario('structure_constructor', structure_constructor), scenario('allocate_source', allocate_source), &
      scenario('allocate_source_optimizer', allocate_source_optimizer), &
      scenario('nested_types', nested_types), scenario('stops_self_assignment', stops_self_assignment), &
      scenario('arrays_of_tensors', arrays_of_tensors), scenario('own_function', own_function), &
      scenario('null_right_side', null_right_side), scenario('output_aliases_input', output_aliases_input)]
  end function value_scenarios

  real(real32) function value_of(t)
    type(torch_tensor), intent(in) :: t
    real(real32), pointer :: p
    call torch_tensor_to_array(t, p)
    value_of = p
  end function value_of

  subroutine holds(t, value, what)
    type(torch_tensor), intent(in) :: t
    real, intent(in) :: value
    character(len=*), intent(in) :: what
    call expect(abs(value_of(t) - value) <= 0, what)
  end subroutine holds

  subroutine assignment_copies(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    if (present(errmsg)) errmsg = ''
    call torch_tensor_full(a, 3.0)
    b = a
    call a%zero()
    call holds(b, 3.0, 'a copy')
    call holds(a, 0.0, 'the original changed')
    a = a
    call holds(a, 0.0, 'assigned to itself')
    b = b + b
    call holds(b, 6.0, 'the left side may stand on the right')
    call succeed(stat)
  end subroutine assignment_copies

  subroutine expressions_move(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b, c
    if (present(errmsg)) errmsg = ''
    call torch_tensor_full(a, 3.0)
    call torch_tensor_full(b, 2.0)
    c = (a + b) * (a - b) / b - (-a) ** 2
    call holds(c, -6.5, 'a long expression')
    call expect(torch_live_handles() == 3_int64, 'nothing between is left')
    c = a ** 0.5_real64 + a ** 2_int64 - a ** b
    call expect(abs(value_of(c) - sqrt(3.0)) < 1e-6, 'powers')
    call succeed(stat)
  end subroutine expressions_move

  subroutine writes_through(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: array(4), source(4)
    type(torch_tensor) :: a, b
    if (present(errmsg)) errmsg = ''
    array = 0
    source = [1, 2, 3, 4]
    call torch_tensor_from_array(a, array)
    call torch_tensor_from_array(b, source)
    a = b
    call expect(all(abs(array - source) <= 0), 'a named tensor is written into the array')
    a = b + b
    call expect(all(abs(array - 2 * source) <= 0), 'an expression is written into the array')
    call expect(c_associated(torch_tensor_data_pointer(a), c_loc(array)), 'it still wraps the array')
    call expect(all(abs(source - [1, 2, 3, 4]) <= 0), 'the source is untouched')
    call succeed(stat)
  end subroutine writes_through

  subroutine type_assignment(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(domain) :: d, d2
    if (present(errmsg)) errmsg = ''
    call make(d, 5.0)
    d2 = d
    call d%field%zero()
    call holds(d2%field, 5.0, 'the component was copied')
    call expect(d2%n == 7, 'and the others')
    call expect(torch_live_handles(torch_handle_model) == 2_int64, 'two names')
    call runs(d2%network)
    call torch_delete(d%network)
    call runs(d2%network)
    call torch_optim_set_learning_rate(d%optimizer, 0.25_real64)
    call torch_delete(d%optimizer)
    call expect(abs(d2%optimizer%get_learning_rate() - 0.25_real64) <= 0, 'two names of one optimizer')
    call succeed(stat)
  end subroutine type_assignment

  subroutine structure_constructor(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(domain) :: d, d2
    type(domain), allocatable :: d3
    if (present(errmsg)) errmsg = ''
    call make(d, 5.0)
    d2 = domain(8, d%field, d%network, d%optimizer)
    call holds(d%field, 5.0, 'the original lives')
    call holds(d2%field, 5.0, 'the copy holds')
    call runs(d%network)
    allocate (d3)
    d3 = domain(9, d2%field, d2%network, d2%optimizer)
    deallocate (d3)
    call holds(d2%field, 5.0, 'the copy outlives the copy of it')
    call expect(d2%optimizer%group_count() == 1, 'so does its optimizer')
    call succeed(stat)
  end subroutine structure_constructor

  subroutine allocate_source(stat, errmsg)
    !! A copy of bits: both name one tensor. Whoever is finalized first releases it; the other finds out, with a message.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(domain) :: d
    type(domain), allocatable :: twin, several(:)
    type(torch_tensor) :: t
    call make(d, 5.0)
    allocate (twin, source=d)
    allocate (several(3), source=d)
    call holds(twin%field, 5.0, 'the twin sees the value')
    deallocate (twin)
    deallocate (several)
    call torch_tensor_clone(d%field, t, stat=stat, errmsg=errmsg)
  end subroutine allocate_source

  subroutine allocate_source_optimizer(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(domain) :: d
    type(domain), allocatable :: twin
    call make(d, 5.0)
    allocate (twin, source=d)
    call expect(twin%optimizer%group_count() == 1, 'the twin sees the optimizer')
    deallocate (twin)
    call torch_optim_step(d%optimizer, stat=stat, errmsg=errmsg)
  end subroutine allocate_source_optimizer

  subroutine nested_types(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(nested_domain) :: a, b
    integer :: i
    if (present(errmsg)) errmsg = ''
    call make(a%domain, 1.0)
    call make(a%inner, 2.0)
    allocate (a%levels(4))
    do i = 1, 4
      call torch_tensor_full(a%levels(i), real(i))
    end do
    b = a
    call a%inner%field%zero()
    call holds(b%field, 1.0, 'component of the parent')
    call holds(b%inner%field, 2.0, 'component of a component')
    call holds(b%levels(2), 2.0, 'element of an allocatable component')
    call succeed(stat)
  end subroutine nested_types

  subroutine stops_self_assignment(stat, errmsg)
    !! Both compilers finalize the left side first, which here is the right one, too: a message, not a crash.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(domain) :: d
    type(torch_tensor) :: t
    call make(d, 5.0)
    call assign(d, d)
    call torch_tensor_clone(d%field, t, stat=stat, errmsg=errmsg)
  end subroutine stops_self_assignment

  subroutine assign(left, right)
    type(domain), intent(inout) :: left
    type(domain), intent(in) :: right
    left = right
  end subroutine assign

  subroutine arrays_of_tensors(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a(3), b(3)
    type(torch_tensor), allocatable :: c(:), d(:)
    integer :: i
    if (present(errmsg)) errmsg = ''
    do i = 1, 3
      call torch_tensor_full(a(i), real(i))
    end do
    b = a
    b(3:1:-1) = a
    call holds(b(1), 3.0, 'reversed')
    a(1:2) = a(2:3)
    call holds(a(1), 2.0, 'overlapping sections')
    call holds(a(2), 3.0, 'overlapping sections')
    allocate (c(2))
    c = a(1:2)
    call move_alloc(c, d)
    call holds(d(2), 3.0, 'moved')
    call succeed(stat)
  end subroutine arrays_of_tensors

  subroutine own_function(stat, errmsg)
    !! A function of the user's that ends with torch_tensor_yield leaves nothing behind.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    integer :: i
    if (present(errmsg)) errmsg = ''
    call torch_tensor_full(a, 2.0)
    do i = 1, 50
      b = cubed(a)
      b = cubed(a) + cubed(a)
    end do
    call holds(b, 16.0, 'the sum of two results')
    call expect(torch_live_handles() == 2_int64, 'no results are left')
    call succeed(stat)
  end subroutine own_function

  function cubed(t) result(r)
    type(torch_tensor), intent(in) :: t
    type(torch_tensor) :: r
    r = t * t * t
    call torch_tensor_yield(r)
  end function cubed

  subroutine null_right_side(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    if (present(errmsg)) errmsg = ''
    call torch_tensor_full(a, 2.0)
    a = b
    call expect(.not. c_associated(a%p), 'no tensor on the right, none on the left')
    call succeed(stat)
  end subroutine null_right_side

  subroutine output_aliases_input(stat, errmsg)
    !! The result may be written over the input, also when the network returns its input or a view of it.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: identity, reversed, index
    type(torch_tensor) :: x(1), y(2)
    real(real32), target :: a(2, 2), b(2, 3)
    if (present(errmsg)) errmsg = ''
    call torch_model_load(identity, 'identity.pt')
    call torch_model_load(reversed, 'reversed.pt')
    call torch_model_load(index, 'index.pt')
    a = reshape([1, 2, 3, 4], [2, 2])
    call torch_tensor_from_array(x(1), a)
    call torch_tensor_from_array(y(1), a)
    call torch_model_forward(identity, x, y(1:1))
    call expect(all(abs(a - reshape([1, 2, 3, 4], [2, 2])) <= 0), 'identity onto itself')
    call torch_tensor_from_array(y(2), b(:, 1:2))
    call torch_model_forward(reversed, x, y)
    call expect(all(abs(a - reshape([1, 3, 2, 4], [2, 2])) <= 0), 'a transposed view of the input over the input')
    call expect(all(abs(b(:, 1:2) - reshape([1, 2, 3, 4], [2, 2])) <= 0), 'the input itself, as it was')
    b = 0
    call index%infer(b, b)
    call expect(all(abs(b - reshape([0, 100, 1, 101, 2, 102], [2, 3])) <= 0), 'infer in place')
    call index%infer(b(:, 1:2), b(:, 2:3))
    call expect(all(abs(b(:, 2:3) - reshape([0, 200, 2, 202], [2, 2])) <= 0), 'infer between overlapping sections')
    call torch_delete(y)
    call torch_model_forward(reversed, x, y)
    call x(1)%zero()
    call holds_all(y(2), reshape([1, 3, 2, 4], [2, 2]))
    call succeed(stat)
  end subroutine output_aliases_input

  subroutine holds_all(t, values)
    type(torch_tensor), intent(in) :: t
    integer, intent(in) :: values(:, :)
    real(real32), allocatable :: got(:, :)
    call torch_tensor_to_array(t, got)
    call expect(all(abs(got - values) <= 0), 'a result that was handed over owns its memory')
  end subroutine holds_all

  subroutine make(d, value)
    class(domain), intent(inout) :: d
    real, intent(in) :: value
    d%n = 7
    call torch_tensor_full(d%field, value)
    call torch_model_load(d%network, 'linear.pt', requires_grad=.true.)
    call torch_optim_SGD(d%optimizer, d%network)
  end subroutine make

  subroutine runs(network)
    type(torch_model), intent(in) :: network
    real(real32), target :: x(1, 5), y(1, 3)
    x = 0
    call network%infer(x, y)
    call expect(all(abs(y(1, :) - [0, 1, 2]) <= 0), 'the network runs')
  end subroutine runs

end module misuse_values_scenarios

program misuse_values
  use :: misuse_kit, only: run_scenarios
  use :: misuse_values_scenarios, only: value_scenarios
  implicit none (type, external)
  call run_scenarios(value_scenarios())
end program misuse_values
