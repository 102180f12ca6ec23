module misuse_operations_scenarios
  !! Operations: what is said about arguments that do not fit.
  use, intrinsic :: iso_c_binding, only: c_associated
  use, intrinsic :: iso_fortran_env, only: int64
  use :: ftorch
  use :: misuse_kit, only: expect, scenario, succeed
  implicit none (type, external)
  private
  public :: operation_scenarios

contains

  function operation_scenarios() result(table)
    type(scenario), allocatable :: table(:)
    table = [ &
      scenario('fill_text', fill_text), &
      scenario('fill_deleted', fill_deleted), &
      scenario('add_shape', add_shape), &
      scenario('add_dtype', add_dtype), &
      scenario('add_leaf', add_leaf), &
      scenario('copy_shape', copy_shape), &
      scenario('split_count', split_count), &
      scenario('split_sum', split_sum), &
      scenario('split_dim', split_dim), &
      scenario('svd_of_vector', svd_of_vector), &
      scenario('eigh_of_rectangle', eigh_of_rectangle), &
      scenario('stops_sum_shapes', stops_sum_shapes), &
      scenario('stops_dim', stops_dim), &
      scenario('stops_dims_twice', stops_dims_twice), &
      scenario('stops_dim_zero', stops_dim_zero), &
      scenario('stops_deleted', stops_deleted), &
      scenario('stops_two_numbers', stops_two_numbers), &
      scenario('stops_character', stops_character), &
      scenario('stops_tensor_for_number', stops_tensor_for_number), &
      scenario('stops_slice_range', stops_slice_range), &
      scenario('stops_slice_step', stops_slice_step), &
      scenario('stops_huge', stops_huge), &
      scenario('stops_negative_power', stops_negative_power), &
      scenario('stops_reshape', stops_reshape), &
      scenario('stops_no_tensors', stops_no_tensors), &
      scenario('stops_equation', stops_equation), &
      scenario('stops_singular', stops_singular), &
      scenario('stops_index', stops_index), &
      scenario('stops_matmul', stops_matmul), &
      scenario('stops_dtype', stops_dtype), &
      scenario('stops_inside_expression', stops_inside_expression)]
  end function operation_scenarios

  subroutine fill_text(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a
    a = torch_ones([3])
    call torch_tensor_fill(a, 'seven', stat=stat, errmsg=errmsg)
  end subroutine fill_text

  subroutine fill_deleted(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a
    a = torch_ones([3])
    call torch_delete(a)
    call torch_tensor_fill(a, 7, stat=stat, errmsg=errmsg)
  end subroutine fill_deleted

  subroutine add_shape(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a
    a = torch_ones([3])
    call torch_tensor_add(a, torch_ones([4]), stat=stat, errmsg=errmsg)
  end subroutine add_shape

  subroutine add_dtype(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a
    a = torch_arange(0, 3)
    call torch_tensor_add(a, 0.5, stat=stat, errmsg=errmsg)
  end subroutine add_dtype

  subroutine add_leaf(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a
    call torch_tensor_ones(a, 1, [3_int64], torch_kFloat32, torch_kCPU, requires_grad=.true.)
    call torch_tensor_add(a, 1, stat=stat, errmsg=errmsg)
  end subroutine add_leaf

  subroutine copy_shape(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a
    a = torch_ones([3])
    call torch_tensor_copy(a, torch_ones([1]), stat=stat, errmsg=errmsg)
  end subroutine copy_shape

  subroutine split_count(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, parts(3)
    a = torch_ones([4])
    call torch_split(a, [2, 2], 1, parts, stat=stat, errmsg=errmsg)
    call expect(.not. c_associated(parts(1)%p), 'no part was made')
  end subroutine split_count

  subroutine split_sum(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, parts(2)
    a = torch_ones([4])
    call torch_split(a, [2, 1], 1, parts, stat=stat, errmsg=errmsg)
  end subroutine split_sum

  subroutine split_dim(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, parts(2)
    a = torch_ones([4])
    call torch_split(a, [2, 2], 2, parts, stat=stat, errmsg=errmsg)
  end subroutine split_dim

  subroutine svd_of_vector(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, u, s, vh
    a = torch_ones([4])
    call torch_svd(a, u, s, vh, stat=stat, errmsg=errmsg)
  end subroutine svd_of_vector

  subroutine eigh_of_rectangle(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, values, vectors
    a = torch_ones([4, 3])
    call torch_eigh(a, values, vectors, stat=stat, errmsg=errmsg)
  end subroutine eigh_of_rectangle

  subroutine stops_sum_shapes(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    if (present(errmsg)) errmsg = ''
    a = torch_ones([3])
    b = a + torch_ones([4])
    call succeed(stat)
  end subroutine stops_sum_shapes

  subroutine stops_dim(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    if (present(errmsg)) errmsg = ''
    a = torch_ones([3])
    b = torch_softmax(a, 2)
    call succeed(stat)
  end subroutine stops_dim

  subroutine stops_dim_zero(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    if (present(errmsg)) errmsg = ''
    a = torch_ones([3])
    b = torch_sum(a, dim=0)
    call succeed(stat)
  end subroutine stops_dim_zero

  subroutine stops_dims_twice(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    if (present(errmsg)) errmsg = ''
    a = torch_ones([3])
    b = torch_sum(a, dim=[1, -1])
    call succeed(stat)
  end subroutine stops_dims_twice

  subroutine stops_deleted(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    if (present(errmsg)) errmsg = ''
    a = torch_ones([3])
    call torch_delete(a)
    b = torch_exp(a)
    call succeed(stat)
  end subroutine stops_deleted

  subroutine stops_two_numbers(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    if (present(errmsg)) errmsg = ''
    a = torch_ones([3])
    b = torch_maximum(1, 2)
    call succeed(stat)
  end subroutine stops_two_numbers

  subroutine stops_character(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    if (present(errmsg)) errmsg = ''
    a = torch_ones([3])
    b = torch_maximum(a, 'two')
    call succeed(stat)
  end subroutine stops_character

  subroutine stops_tensor_for_number(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    if (present(errmsg)) errmsg = ''
    a = torch_ones([3])
    b = torch_clamp(a, min=a)
    call succeed(stat)
  end subroutine stops_tensor_for_number

  subroutine stops_slice_range(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    if (present(errmsg)) errmsg = ''
    a = torch_ones([3])
    b = torch_slice(a, 1, 2, 4)
    call succeed(stat)
  end subroutine stops_slice_range

  subroutine stops_slice_step(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    if (present(errmsg)) errmsg = ''
    a = torch_ones([3])
    b = torch_slice(a, 1, 1, 3, step=-1)
    call succeed(stat)
  end subroutine stops_slice_step

  subroutine stops_huge(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    if (present(errmsg)) errmsg = ''
    a = torch_ones([3])
    b = torch_ones([2000000000, 2000000000])
    call succeed(stat)
  end subroutine stops_huge

  subroutine stops_negative_power(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    if (present(errmsg)) errmsg = ''
    a = torch_ones([3])
    b = torch_arange(1, 4) ** (-1)
    call succeed(stat)
  end subroutine stops_negative_power

  subroutine stops_reshape(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    if (present(errmsg)) errmsg = ''
    a = torch_ones([3])
    b = torch_reshape(a, [2, 2])
    call succeed(stat)
  end subroutine stops_reshape

  subroutine stops_no_tensors(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    type(torch_tensor) :: none(0)
    if (present(errmsg)) errmsg = ''
    a = torch_ones([3])
    b = torch_cat(none)
    call succeed(stat)
  end subroutine stops_no_tensors

  subroutine stops_equation(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    if (present(errmsg)) errmsg = ''
    a = torch_ones([3])
    b = torch_einsum('ij,jk->ik', [a, a])
    call succeed(stat)
  end subroutine stops_equation

  subroutine stops_singular(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    if (present(errmsg)) errmsg = ''
    a = torch_ones([3])
    b = torch_inverse(torch_zeros([2, 2]))
    call succeed(stat)
  end subroutine stops_singular

  subroutine stops_index(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    if (present(errmsg)) errmsg = ''
    a = torch_ones([3])
    b = torch_index_select(a, 1, torch_arange(3, 4))
    call succeed(stat)
  end subroutine stops_index

  subroutine stops_matmul(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    if (present(errmsg)) errmsg = ''
    a = torch_ones([3])
    b = torch_matmul(a, torch_ones([4]))
    call succeed(stat)
  end subroutine stops_matmul

  subroutine stops_dtype(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    if (present(errmsg)) errmsg = ''
    a = torch_ones([3])
    b = torch_zeros([2], dtype=77)
    call succeed(stat)
  end subroutine stops_dtype

  subroutine stops_inside_expression(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: a, b
    if (present(errmsg)) errmsg = ''
    a = torch_ones([3])
    b = torch_exp(a * 2 + torch_reshape(a + a, [2]))
    call succeed(stat)
  end subroutine stops_inside_expression

end module misuse_operations_scenarios

program misuse_operations
  use :: misuse_kit, only: run_scenarios
  use :: misuse_operations_scenarios, only: operation_scenarios
  implicit none (type, external)
  call run_scenarios(operation_scenarios())
end program misuse_operations
