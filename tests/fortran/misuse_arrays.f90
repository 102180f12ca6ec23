module misuse_arrays_scenarios
  !! Arrays that cannot be tensors, and tensors that cannot go back into arrays.
  use, intrinsic :: iso_c_binding, only: c_bool, c_double, c_float, c_int, c_int16_t, c_int32_t, c_int64_t, c_int8_t, c_loc, &
    c_null_ptr
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: ftorch
  use :: misuse_kit, only: expect, scenario, succeed
  implicit none (type, external)
  private
  public :: array_scenarios

  type :: pair
    complex(real64) :: z
    real(real64) :: w
  end type pair

contains

  function array_scenarios() result(table)
    type(scenario), allocatable :: table(:)
    table = [scenario('unallocated', unallocated), scenario('unallocated_copy', unallocated_copy), &
      scenario('unallocated_logical', unallocated_logical), scenario('unassociated', unassociated), &
      scenario('zero_size', zero_size), scenario('negative_stride', negative_stride), &
      scenario('negative_stride_copied', negative_stride_copied), scenario('assumed_size', assumed_size), &
      scenario('assumed_size_copy', assumed_size_copy), scenario('component_pointer', component_pointer), &
      scenario('logical_shared', logical_shared), scenario('logical_copied', logical_copied), &
      scenario('permute_count', permute_count), scenario('permute_twice', permute_twice), &
      scenario('permute_range', permute_range), scenario('permute_many', permute_many), scenario('layout_count', layout_count), &
      scenario('layout_twice', layout_twice), scenario('layout_section', layout_section), scenario('dtype_size', dtype_size), &
      scenario('dtype_unknown', dtype_unknown), scenario('dtype_kind', dtype_kind), &
      scenario('grad_of_integers', grad_of_integers), scenario('absent_cuda', absent_cuda), scenario('absent_xpu', absent_xpu), &
      scenario('unknown_device', unknown_device), scenario('cpu_index', cpu_index), &
      scenario('old_tensor_survives', old_tensor_survives)]
  end function array_scenarios

  subroutine unallocated(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real32), allocatable, target :: a(:, :)
    allocate (a(3, 4))  ! leaves its extents behind in the descriptor
    deallocate (a)
    call from_maybe(t, a, stat, errmsg)
  end subroutine unallocated

  subroutine from_maybe(t, a, stat, errmsg)
    type(torch_tensor), intent(inout) :: t
    real(real32), allocatable, target, intent(in) :: a(:, :)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call torch_tensor_from_array(t, a, stat=stat, errmsg=errmsg)
  end subroutine from_maybe

  subroutine unallocated_copy(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), allocatable, target :: never(:)
    call torch_tensor_from_array(t, never, copy=.true., stat=stat, errmsg=errmsg)
  end subroutine unallocated_copy

  subroutine unallocated_logical(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    logical, allocatable, target :: mask(:)
    allocate (mask(7))
    deallocate (mask)
    call torch_tensor_from_array(t, mask, copy=.true., stat=stat, errmsg=errmsg)
  end subroutine unallocated_logical

  subroutine unassociated(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), pointer :: nothing(:)
    nullify (nothing)
    call torch_tensor_from_array(t, nothing, stat=stat, errmsg=errmsg)
  end subroutine unassociated

  subroutine zero_size(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t, u
    real(real64), target :: a(0, 4)
    real(real64), pointer :: p(:, :)
    real(real64), allocatable :: back(:, :)
    call torch_tensor_from_array(t, a, stat=stat, errmsg=errmsg)
    call expect(t%numel() == 0_int64, 'no elements')
    call expect(all(t%get_shape() == [0, 4]), 'shape [0, 4]')
    u = t + t
    call torch_tensor_to_array(u, p)
    call expect(all(shape(p) == [0, 4]), 'pointer of shape [0, 4]')
    call expect(associated(p), 'an empty pointer is associated')
    call torch_tensor_to_array(u, back)
    call expect(all(shape(back) == [0, 4]), 'array of shape [0, 4]')
    call torch_tensor_copy_to(u, a)
    call torch_tensor_copy_to(u, p)
  end subroutine zero_size

  subroutine negative_stride(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), target :: a(3, 4)
    a = 0
    call torch_tensor_from_array(t, a(:, 4:1:-1), stat=stat, errmsg=errmsg)
  end subroutine negative_stride

  subroutine negative_stride_copied(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    integer(c_int32_t), target :: a(2, 3)
    integer(c_int32_t), pointer :: p(:, :)
    a = reshape([1, 2, 3, 4, 5, 6], [2, 3])
    call torch_tensor_from_array(t, a(2:1:-1, 3:1:-2), copy=.true., permute_dims=[2, 1], stat=stat, errmsg=errmsg)
    call torch_tensor_to_array(t, p)
    call expect(all(p == transpose(a(2:1:-1, 3:1:-2))), 'a copy may run backwards')
  end subroutine negative_stride_copied

  subroutine assumed_size(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real64), target :: a(2, 5)
    a = 0
    call without_end(a, stat, errmsg)
  end subroutine assumed_size

  subroutine without_end(a, stat, errmsg)
    real(real64), target, intent(in) :: a(2, *)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    call torch_tensor_from_array(t, a, stat=stat, errmsg=errmsg)
  end subroutine without_end

  subroutine assumed_size_copy(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real64), target :: a(10)
    a = 0
    call receive_without_end(a, stat, errmsg)
  end subroutine assumed_size_copy

  subroutine receive_without_end(a, stat, errmsg)
    real(real64), target, intent(inout) :: a(*)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    call torch_tensor_zeros(t, 1, [10_int64], torch_kFloat64, torch_kCPU)
    call torch_tensor_copy_to(t, a, stat=stat, errmsg=errmsg)
  end subroutine receive_without_end

  subroutine component_pointer(stat, errmsg)
    !! Neighbours of z lie 24 bytes apart: one and a half elements.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    type(pair), target :: pairs(4)
    complex(real64), pointer :: z(:)
    pairs%w = 0
    z => pairs%z
    z = (1, 2)
    call torch_tensor_from_array(t, z, stat=stat, errmsg=errmsg)
  end subroutine component_pointer

  subroutine logical_shared(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    logical, target :: mask(3)
    mask = .true.
    call torch_tensor_from_array(t, mask, stat=stat, errmsg=errmsg)
  end subroutine logical_shared

  subroutine logical_copied(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    logical, target :: mask(2, 3)
    logical(c_bool), allocatable :: back(:, :)
    mask = reshape([.true., .false., .false., .true., .true., .true.], [2, 3])
    call torch_tensor_from_array(t, mask, copy=.true., stat=stat, errmsg=errmsg)
    call expect(t%get_dtype() == torch_kBool, 'a bool tensor')
    call torch_tensor_to_array(t, back)
    call expect(all(back .eqv. mask), 'the same truth')
  end subroutine logical_copied

  subroutine permute_count(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call permuted([1], stat, errmsg)
  end subroutine permute_count

  subroutine permute_twice(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call permuted([2, 2], stat, errmsg)
  end subroutine permute_twice

  subroutine permute_range(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call permuted([0, 1], stat, errmsg)
  end subroutine permute_range

  subroutine permute_many(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call permuted([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17], stat, errmsg)
  end subroutine permute_many

  subroutine permuted(dims, stat, errmsg)
    integer, intent(in) :: dims(:)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real32), target :: a(2, 3)
    a = 0
    call torch_tensor_from_array(t, a, permute_dims=dims, stat=stat, errmsg=errmsg)
  end subroutine permuted

  subroutine layout_count(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call laid_out(.true., [1, 2, 3], stat, errmsg)
  end subroutine layout_count

  subroutine layout_twice(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call laid_out(.true., [1, 1], stat, errmsg)
  end subroutine layout_twice

  subroutine layout_section(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call laid_out(.false., [2, 1], stat, errmsg)
  end subroutine layout_section

  subroutine laid_out(whole, layout, stat, errmsg)
    logical, intent(in) :: whole
    integer, intent(in) :: layout(:)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real32), target :: a(4, 3)
    a = 0
    if (whole) then
      call torch_tensor_from_array(t, a, layout, torch_kCPU, stat=stat, errmsg=errmsg)
    else
      call torch_tensor_from_array(t, a(::2, :), layout, torch_kCPU, stat=stat, errmsg=errmsg)
    end if
  end subroutine laid_out

  subroutine dtype_size(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real32), target :: a(2)
    a = 0
    call torch_tensor_from_array(t, a, dtype=torch_kBFloat16, stat=stat, errmsg=errmsg)
  end subroutine dtype_size

  subroutine dtype_unknown(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    integer(c_int16_t), target :: a(2)
    a = 0
    call torch_tensor_from_array(t, a, dtype=77, stat=stat, errmsg=errmsg)
  end subroutine dtype_unknown

  subroutine dtype_kind(stat, errmsg)
    !! The right size, but real32 is no storage for int32.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real32), target :: a(2)
    a = 0
    call torch_tensor_from_array(t, a, dtype=torch_kInt32, stat=stat, errmsg=errmsg)
  end subroutine dtype_kind

  subroutine grad_of_integers(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    integer, target :: a(2)
    a = 0
    call torch_tensor_from_array(t, a, requires_grad=.true., stat=stat, errmsg=errmsg)
  end subroutine grad_of_integers

  subroutine absent_cuda(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call on(torch_kCUDA, -1, stat, errmsg)
  end subroutine absent_cuda

  subroutine absent_xpu(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call on(torch_kXPU, 0, stat, errmsg)
  end subroutine absent_xpu

  subroutine unknown_device(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call on(77, -1, stat, errmsg)
  end subroutine unknown_device

  subroutine cpu_index(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call on(torch_kCPU, 3, stat, errmsg)
  end subroutine cpu_index

  subroutine on(device_type, device_index, stat, errmsg)
    integer, intent(in) :: device_type, device_index
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real32), target :: a(2)
    a = 0
    call torch_tensor_from_array(t, a, device_type=device_type, device_index=device_index, stat=stat, errmsg=errmsg)
  end subroutine on

  subroutine old_tensor_survives(stat, errmsg)
    !! A failed call leaves the variable as it was.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), target :: a(4)
    real(real64), pointer :: p(:)
    a = [1, 2, 3, 4]
    call torch_tensor_from_array(t, a)
    call torch_tensor_from_array(t, a(4:1:-1), stat=stat, errmsg=errmsg)
    call torch_tensor_to_array(t, p)
    call expect(associated(p, a), 'the old tensor is still there')
  end subroutine old_tensor_survives

end module misuse_arrays_scenarios

program misuse_arrays
  use :: misuse_arrays_scenarios, only: array_scenarios
  use :: misuse_kit, only: run_scenarios
  implicit none (type, external)
  call run_scenarios(array_scenarios())
end program misuse_arrays
