module misuse_results_scenarios
  !! Results that do not fit the arrays meant for them, memory by address, sizes nobody has.
  use, intrinsic :: iso_c_binding, only: c_bool, c_int16_t, c_int32_t, c_loc, c_null_ptr
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: ftorch
  use :: misuse_kit, only: expect, scenario, succeed
  implicit none (type, external)
  private
  public :: result_scenarios

  integer, parameter :: int128 = selected_int_kind(30)

  type :: point
    real(real64) :: x, y
  end type point

contains

  function result_scenarios() result(table)
    type(scenario), allocatable :: table(:)
    table = [scenario('pointer_rank', pointer_rank), scenario('pointer_dtype', pointer_dtype), &
      scenario('pointer_permute', pointer_permute), scenario('allocatable_rank', allocatable_rank), &
      scenario('allocatable_dtype', allocatable_dtype), scenario('expression_pointer', expression_pointer), &
      scenario('copy_shape', copy_shape), scenario('copy_rank', copy_rank), scenario('copy_dtype', copy_dtype), &
      scenario('copy_converts', copy_converts), scenario('copy_real_to_integer', copy_real_to_integer), &
      scenario('copy_complex_to_real', copy_complex_to_real), scenario('copy_character', copy_character), &
      scenario('copy_derived', copy_derived), scenario('copy_logical', copy_logical), scenario('copy_int128', copy_int128), &
      scenario('copy_unallocated', copy_unallocated), scenario('copy_backwards', copy_backwards), &
      scenario('copy_dtype_argument', copy_dtype_argument), scenario('blob_null', blob_null), &
      scenario('blob_backwards', blob_backwards), scenario('blob_strides_count', blob_strides_count), &
      scenario('blob_ndims', blob_ndims), scenario('blob_layout', blob_layout), scenario('blob_huge', blob_huge), &
      scenario('blob_huge_stride', blob_huge_stride), scenario('stops_blob_huge', stops_blob_huge), &
      scenario('copy_zero_size', copy_zero_size), scenario('copy_assumed_size', copy_assumed_size)]
  end function result_scenarios

  subroutine make(t, a)
    !! A tensor of shape [2, 3] over an array that stays.
    type(torch_tensor), intent(inout) :: t
    real(real64), target, intent(out) :: a(2, 3)
    a = reshape([1, 2, 3, 4, 5, 6], [2, 3])
    call torch_tensor_from_array(t, a)
  end subroutine make

  subroutine pointer_rank(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), target :: a(2, 3)
    real(real64), pointer :: p(:)
    call make(t, a)
    nullify (p)
    call torch_tensor_to_array(t, p, stat=stat, errmsg=errmsg)
    call expect(.not. associated(p), 'the pointer stays as it was')
  end subroutine pointer_rank

  subroutine pointer_dtype(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), target :: a(2, 3)
    real(real32), pointer :: p(:, :)
    call make(t, a)
    call torch_tensor_to_array(t, p, stat=stat, errmsg=errmsg)
  end subroutine pointer_dtype

  subroutine pointer_permute(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), target :: a(2, 3)
    real(real64), pointer :: p(:, :)
    call make(t, a)
    call torch_tensor_to_array(t, p, permute_dims=[1, 3], stat=stat, errmsg=errmsg)
  end subroutine pointer_permute

  subroutine allocatable_rank(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), target :: a(2, 3)
    real(real64), allocatable :: b(:)
    call make(t, a)
    b = [7.0_real64]
    call torch_tensor_to_array(t, b, stat=stat, errmsg=errmsg)
    call expect(size(b) == 1, 'the array stays as it was')
  end subroutine allocatable_rank

  subroutine allocatable_dtype(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), target :: a(2, 3)
    integer(c_int32_t), allocatable :: b(:, :)
    call make(t, a)
    call torch_tensor_to_array(t, b, stat=stat, errmsg=errmsg)
  end subroutine allocatable_dtype

  subroutine expression_pointer(stat, errmsg)
    !! Where nobody finalizes the expression's result, a pointer into it would dangle.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), target :: a(2, 3)
    real(real64), pointer :: p(:, :)
    call make(t, a)
    call torch_tensor_to_array(t + t, p, stat=stat, errmsg=errmsg)
  end subroutine expression_pointer

  subroutine copy_shape(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), target :: a(2, 3), b(3, 2)
    call make(t, a)
    b = 0
    call torch_tensor_copy_to(t, b, stat=stat, errmsg=errmsg)
    call expect(all(abs(b) <= 0), 'nothing was written')
  end subroutine copy_shape

  subroutine copy_rank(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), target :: a(2, 3), b(6)
    call make(t, a)
    call torch_tensor_copy_to(t, b, stat=stat, errmsg=errmsg)
  end subroutine copy_rank

  subroutine copy_dtype(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), target :: a(2, 3)
    real(real32), target :: b(2, 3)
    call make(t, a)
    call torch_tensor_copy_to(t, b, stat=stat, errmsg=errmsg)
  end subroutine copy_dtype

  subroutine copy_converts(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), target :: a(2, 3)
    real(real32), target :: b(3, 2)
    call make(t, a)
    call torch_tensor_copy_to(t, b, permute_dims=[2, 1], convert=.true., stat=stat, errmsg=errmsg)
    call expect(all(abs(b - transpose(a)) <= 0), 'converted and transposed')
  end subroutine copy_converts

  subroutine copy_real_to_integer(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), target :: a(2, 3)
    integer, target :: b(2, 3)
    call make(t, a)
    call torch_tensor_copy_to(t, b, convert=.true., stat=stat, errmsg=errmsg)
  end subroutine copy_real_to_integer

  subroutine copy_complex_to_real(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    complex(real64), target :: z(2)
    real(real64), target :: b(2)
    z = (1, 2)
    call torch_tensor_from_array(t, z)
    call torch_tensor_copy_to(t, b, convert=.true., stat=stat, errmsg=errmsg)
  end subroutine copy_complex_to_real

  subroutine copy_character(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), target :: a(2, 3)
    character(len=8), target :: b(2, 3)
    call make(t, a)
    call torch_tensor_copy_to(t, b, stat=stat, errmsg=errmsg)
  end subroutine copy_character

  subroutine copy_derived(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), target :: a(2, 3)
    type(point), target :: b(2, 3)
    call make(t, a)
    call torch_tensor_copy_to(t, b, stat=stat, errmsg=errmsg)
  end subroutine copy_derived

  subroutine copy_logical(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    logical(c_bool), target :: a(3)
    logical, target :: b(3)
    a = .true.
    call torch_tensor_from_array(t, a)
    call torch_tensor_copy_to(t, b, convert=.true., stat=stat, errmsg=errmsg)
  end subroutine copy_logical

  subroutine copy_int128(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), target :: a(2, 3)
    integer(int128), target :: b(2, 3)
    call make(t, a)
    call torch_tensor_copy_to(t, b, stat=stat, errmsg=errmsg)
  end subroutine copy_int128

  subroutine copy_unallocated(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), target :: a(2, 3)
    real(real64), allocatable, target :: b(:, :)
    call make(t, a)
    call torch_tensor_copy_to(t, b, stat=stat, errmsg=errmsg)
  end subroutine copy_unallocated

  subroutine copy_backwards(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), target :: a(2, 3), b(2, 3)
    call make(t, a)
    call torch_tensor_copy_to(t, b(:, 3:1:-1), stat=stat, errmsg=errmsg)
  end subroutine copy_backwards

  subroutine copy_dtype_argument(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), target :: a(2, 3)
    integer(c_int16_t), target :: b(2, 3)
    call make(t, a)
    call torch_tensor_copy_to(t, b, dtype=torch_kUInt8, stat=stat, errmsg=errmsg)
  end subroutine copy_dtype_argument

  subroutine blob_null(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    call torch_tensor_from_pointer(t, c_null_ptr, 1, [3_int64], torch_kFloat64, stat=stat, errmsg=errmsg)
  end subroutine blob_null

  subroutine blob_backwards(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), target :: a(3)
    call torch_tensor_from_pointer(t, c_loc(a(3)), 1, [3_int64], torch_kFloat64, strides=[-1_int64], stat=stat, errmsg=errmsg)
  end subroutine blob_backwards

  subroutine blob_strides_count(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), target :: a(3)
    call torch_tensor_from_pointer(t, c_loc(a), 1, [3_int64], torch_kFloat64, strides=[1_int64, 3_int64], stat=stat, &
      errmsg=errmsg)
  end subroutine blob_strides_count

  subroutine blob_ndims(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), target :: a(3)
    call torch_tensor_from_pointer(t, c_loc(a), 2, [3_int64], torch_kFloat64, stat=stat, errmsg=errmsg)
  end subroutine blob_ndims

  subroutine blob_layout(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), target :: a(2, 3)
    call torch_tensor_from_pointer(t, c_loc(a), 2, [2_int64, 3_int64], [1, 3], torch_kFloat64, stat=stat, errmsg=errmsg)
  end subroutine blob_layout

  subroutine blob_huge(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), target :: a(3)
    call torch_tensor_from_pointer(t, c_loc(a), 2, [huge(1_int64), 4_int64], torch_kFloat64, stat=stat, errmsg=errmsg)
  end subroutine blob_huge

  subroutine blob_huge_stride(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), target :: a(3)
    call torch_tensor_from_pointer(t, c_loc(a), 1, [3_int64], torch_kFloat64, strides=[huge(1_int64)], stat=stat, errmsg=errmsg)
  end subroutine blob_huge_stride

  subroutine stops_blob_huge(stat, errmsg)
    !! The function of 2023. Its strides are made of the extents, and wrap around here.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), target :: a(3)
    if (present(errmsg)) errmsg = ''
    t = torch_tensor_from_blob(c_loc(a), 3, [4_int64, huge(1_int64), 4_int64], torch_kFloat64, torch_kCPU)
    call succeed(stat)
  end subroutine stops_blob_huge

  subroutine copy_zero_size(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), target :: a(0, 3)
    real(real64), allocatable, target :: b(:, :)
    allocate (b(0, 3))
    call torch_tensor_from_array(t, a)
    call torch_tensor_copy_to(t, b, stat=stat, errmsg=errmsg)
  end subroutine copy_zero_size

  subroutine copy_assumed_size(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real64), target :: b(2, 3)
    b = 0
    call copy_without_end(b, stat, errmsg)
    call expect(all(abs(b) <= 0), 'nothing was written')
  end subroutine copy_assumed_size

  subroutine copy_without_end(b, stat, errmsg)
    real(real64), target, intent(inout) :: b(2, *)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64), target :: a(2, 3)
    call make(t, a)
    call torch_tensor_copy_to(t, b, stat=stat, errmsg=errmsg)
  end subroutine copy_without_end

end module misuse_results_scenarios

program misuse_results
  use :: misuse_kit, only: run_scenarios
  use :: misuse_results_scenarios, only: result_scenarios
  implicit none (type, external)
  call run_scenarios(result_scenarios())
end program misuse_results
