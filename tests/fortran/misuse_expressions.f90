module misuse_expressions_scenarios
  !! Whose memory the result of an operation is; expressions in every place where one can stand.
  use, intrinsic :: iso_c_binding, only: c_associated, c_loc, c_ptr
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: ftorch
  use :: misuse_kit, only: expect, scenario, succeed
  implicit none (type, external)
  private
  public :: expression_scenarios

  type :: pair
    type(torch_tensor) :: first, second
  end type pair

contains

  function expression_scenarios() result(table)
    type(scenario), allocatable :: table(:)
    table = [ &
      scenario('views_are_copied', views_are_copied), &
      scenario('same_tensor_is_copied', same_tensor_is_copied), &
      scenario('expressions_are_moved', expressions_are_moved), &
      scenario('right_side_first', right_side_first), &
      scenario('in_place_overlap', in_place_overlap), &
      scenario('split_over_itself', split_over_itself), &
      scenario('own_functions', own_functions), &
      scenario('constructors', constructors), &
      scenario('actual_arguments', actual_arguments)]
  end function expression_scenarios

  real function value_at(t, place)
    type(torch_tensor), intent(in) :: t
    integer, intent(in) :: place
    real(real32), allocatable :: values(:)
    type(torch_tensor) :: flat
    flat = torch_flatten(t)
    call torch_tensor_to_array(flat, values)
    value_at = values(place)
  end function value_at

  logical function same_address(a, b)
    type(torch_tensor), intent(in) :: a, b
    same_address = c_associated(torch_tensor_data_pointer(a), torch_tensor_data_pointer(b))
  end function same_address

  subroutine views_are_copied(stat, errmsg)
    !! A result that is a view inside PyTorch is a value in a variable.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: array(6)
    type(torch_tensor) :: a, b(8)
    integer :: i
    if (present(errmsg)) errmsg = ''
    array = [1, 2, 3, 4, 5, 6]
    call torch_tensor_from_array(a, array)
    b(1) = torch_reshape(a, [2, 3])
    b(2) = torch_transpose(torch_reshape(a, [2, 3]))
    b(3) = torch_slice(a, 1, 1, 3)
    b(4) = torch_unsqueeze(a, 1)
    b(5) = torch_expand(torch_slice(a, 1, 1, 1), [6])
    b(6) = torch_detach(a)
    b(7) = torch_einsum('i->i', [a])
    call torch_split(a, [2, 4], 1, b(7:8))
    call torch_tensor_fill(a, 0)
    do i = 1, 7
      call expect(abs(value_at(b(i), 1) - 1) <= 0, 'a variable kept its values')
    end do
    do i = 1, 8
      call torch_tensor_fill(b(i), 7)
    end do
    call expect(all(abs(array) <= 0), 'the array was not written through a result')
    call succeed(stat)
  end subroutine views_are_copied

  subroutine same_tensor_is_copied(stat, errmsg)
    !! Functions that hand their argument back when there is nothing to do.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    if (present(errmsg)) errmsg = ''
    a = torch_ones([4])
    b = torch_to(a, dtype=torch_kFloat32)
    call expect(.not. same_address(a, b), 'torch_to')
    b = torch_contiguous(a)
    call expect(.not. same_address(a, b), 'torch_contiguous')
    b = torch_to(torch_contiguous(torch_reshape(a, [4])))
    call expect(.not. same_address(a, b), 'a chain of them')
    call torch_tensor_fill(b, 3)
    call expect(abs(value_at(a, 1) - 1) <= 0, 'the argument is as it was')
    call succeed(stat)
  end subroutine same_tensor_is_copied

  subroutine expressions_are_moved(stat, errmsg)
    !! Addresses prove it: the memory of an expression becomes the variable's, also through views of it.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b, c
    type(c_ptr) :: before
    if (present(errmsg)) errmsg = ''
    a = torch_ones([1000])
    b = moved(a, before)
    call expect(c_associated(torch_tensor_data_pointer(b), before), 'the result of a function')
    c = b
    call expect(.not. same_address(b, c), 'a variable is copied')
    c = torch_reshape(moved(a, before), [10, 100])
    call expect(c_associated(torch_tensor_data_pointer(c), before), 'a view of the result of a function')
    c = torch_expand(torch_reshape(moved(a, before), [1000, 1]), [1000, 2])
    call torch_tensor_add(c, 1)
    call expect(abs(value_at(c, 2) - 3) <= 0, 'an expanded result has elements of its own')
    call succeed(stat)
  end subroutine expressions_are_moved

  function moved(a, address) result(r)
    type(torch_tensor), intent(in) :: a
    type(c_ptr), intent(out) :: address
    type(torch_tensor) :: r
    r = a + a
    address = torch_tensor_data_pointer(r)
    call torch_tensor_yield(r)
  end function moved

  subroutine right_side_first(stat, errmsg)
    !! As in Fortran, the right side is read before the left side is written, also where they are one memory.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: array(2, 2), line(9)
    type(torch_tensor) :: a, b
    integer :: i
    if (present(errmsg)) errmsg = ''
    array = reshape([1, 2, 3, 4], [2, 2])
    call torch_tensor_from_array(a, array)
    a = torch_transpose(a)
    call expect(all(abs(array - reshape([1, 3, 2, 4], [2, 2])) <= 0), 'transposed into itself')
    line = [(i, i=1, 9)]
    call torch_tensor_from_array(a, line(3:9:2))
    call torch_tensor_from_array(b, line(1:7:2))
    a = b
    call expect(all(abs(line(1:9:2) - [1, 1, 3, 5, 7]) <= 0), 'shifted along an array')
    call succeed(stat)
  end subroutine right_side_first

  subroutine in_place_overlap(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: line(9)
    type(torch_tensor) :: a, b
    if (present(errmsg)) errmsg = ''
    line = 1
    call torch_tensor_from_array(a, line(3:9:2))
    call torch_tensor_from_array(b, line(1:7:2))
    call torch_tensor_add(a, b)
    call expect(all(abs(line(3:9:2) - 2) <= 0), 'every sum is of old values')
    call torch_tensor_mul(a, a)
    call expect(all(abs(line(3:9:2) - 4) <= 0), 'times itself')
    call torch_tensor_copy(a, b)
    call expect(all(abs(line(3:9:2) - [1, 4, 4, 4]) <= 0), 'copied along an array')
    call succeed(stat)
  end subroutine in_place_overlap

  subroutine split_over_itself(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: line(4)
    type(torch_tensor) :: a, parts(2)
    if (present(errmsg)) errmsg = ''
    line = [1, 2, 3, 4]
    call torch_tensor_from_array(a, line)
    call torch_tensor_from_array(parts(1), line(3:4))
    call torch_tensor_from_array(parts(2), line(1:2))
    call torch_split(a, [2, 2], 1, parts)
    call expect(all(abs(line - [3, 4, 1, 2]) <= 0), 'halves exchanged')
    call succeed(stat)
  end subroutine split_over_itself

  subroutine own_functions(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    if (present(errmsg)) errmsg = ''
    a = torch_ones([4])
    b = reshaped(a) + reshaped(a + a)
    call expect(abs(value_at(b, 4) - 3) <= 0, 'functions of functions')
    b = reshaped(a)
    call torch_tensor_fill(b, 0)
    call expect(abs(value_at(a, 1) - 1) <= 0, 'a view that a function returns is a value')
    call expect(torch_live_handles(torch_handle_tensor) == 2_int64, 'nothing is left')
    call succeed(stat)
  end subroutine own_functions

  function reshaped(t) result(r)
    type(torch_tensor), intent(in) :: t
    type(torch_tensor) :: r
    r = torch_reshape(t, [2, 2])
    call torch_tensor_yield(r)
  end function reshaped

  subroutine constructors(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    type(pair) :: p, q
    integer :: i
    if (present(errmsg)) errmsg = ''
    a = torch_ones([3])
    do i = 1, 20
      b = torch_cat([a + a, a, torch_slice(a, 1, 1, 2)])
      b = torch_stack([b, b], 2)
    end do
    call expect(torch_live_handles(torch_handle_tensor) == 2_int64, 'array constructors leave nothing')
    call expect(abs(torch_tensor_numel_of(b) - 16) <= 0, 'all are there')
    p = pair(a, b)
    q = p
    call torch_tensor_fill(p%first, 5)
    call torch_tensor_fill(a, 4)
    call expect(abs(value_at(q%first, 1) - 1) <= 0, 'd2 = d copies')
    call expect(abs(value_at(p%first, 1) - 5) <= 0, 'a structure constructor copies')
    call succeed(stat)
  end subroutine constructors

  real function torch_tensor_numel_of(t)
    type(torch_tensor), intent(in) :: t
    torch_tensor_numel_of = value_at(torch_sum(torch_ones_like(t)), 1)
  end function torch_tensor_numel_of

  subroutine actual_arguments(stat, errmsg)
    !! An expression as the actual argument of a user's procedure that reads it once.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    integer :: i
    if (present(errmsg)) errmsg = ''
    a = torch_ones([3])
    do i = 1, 20
      call doubled(a + a, b)
      call doubled(torch_transpose(torch_reshape(a, [3, 1])), b)
    end do
    call expect(abs(value_at(b, 1) - 2) <= 0, 'twice')
    call expect(torch_live_handles(torch_handle_tensor) == 2_int64, 'nothing is left')
    call succeed(stat)
  end subroutine actual_arguments

  subroutine doubled(x, y)
    type(torch_tensor), intent(in) :: x
    type(torch_tensor), intent(inout) :: y
    y = 2 * x
  end subroutine doubled

end module misuse_expressions_scenarios

program misuse_expressions
  use :: misuse_kit, only: run_scenarios
  use :: misuse_expressions_scenarios, only: expression_scenarios
  implicit none (type, external)
  call run_scenarios(expression_scenarios())
end program misuse_expressions
