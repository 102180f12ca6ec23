module misuse_elements_scenarios
  !! Single elements: right values in every kind, and what is refused.
  use, intrinsic :: iso_c_binding, only: c_bool
  use, intrinsic :: iso_fortran_env, only: int16, int32, int64, int8, real32, real64
  use :: ftorch
  use :: misuse_kit, only: expect, scenario, succeed
  implicit none (type, external)
  private
  public :: element_scenarios

contains

  function element_scenarios() result(table)
    type(scenario), allocatable :: table(:)
    table = [scenario('item_of_each_kind', item_of_each_kind), scenario('item_of_several', item_of_several), &
      scenario('item_fraction', item_fraction), scenario('item_too_big', item_too_big), &
      scenario('item_rounded', item_rounded), scenario('item_long_rounded', item_long_rounded), &
      scenario('item_complex', item_complex), scenario('item_of_logical', item_of_logical), &
      scenario('item_no_logical', item_no_logical), scenario('item_of_null', item_of_null), &
      scenario('item_nan', item_nan), scenario('get_and_set', get_and_set), scenario('set_outside', set_outside), &
      scenario('set_count', set_count), scenario('set_fraction', set_fraction), scenario('set_too_big', set_too_big), &
      scenario('set_overflow', set_overflow), scenario('set_logical', set_logical), scenario('set_complex', set_complex), &
      scenario('set_on_leaf', set_on_leaf), scenario('stops_get_outside', stops_get_outside), &
      scenario('stops_get_count', stops_get_count), scenario('stops_get_long', stops_get_long)]
  end function element_scenarios

  subroutine item_of_each_kind(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    integer(int8) :: i8
    integer(int16) :: i16
    integer(int32) :: i32
    integer(int64) :: i64
    real(real32) :: r32
    real(real64) :: r64
    complex(real32) :: c32
    complex(real64) :: c64
    logical :: l
    logical(c_bool) :: b
    if (present(errmsg)) errmsg = ''
    call torch_tensor_full(t, -huge(i64) - 1)
    call torch_tensor_item(t, i64)
    call expect(i64 == -huge(i64) - 1, 'the smallest int64')
    call torch_tensor_full(t, -128, [1_int64, 1_int64])
    call torch_tensor_item(t, i8)
    call torch_tensor_item(t, i16)
    call torch_tensor_item(t, i32)
    call torch_tensor_item(t, r32)
    call torch_tensor_item(t, c32)
    call expect(i8 == -128 .and. i16 == -128 .and. i32 == -128, 'integers')
    call expect(abs(r32 + 128) <= 0 .and. abs(c32 + 128) <= 0, 'an integer in reals')
    call torch_tensor_full(t, 0.1_real64)
    call torch_tensor_item(t, r64)
    call torch_tensor_item(t * (0.0_real64, 2.0_real64), c64)
    call expect(abs(r64 - 0.1_real64) <= 0 .and. abs(c64 - (0.0_real64, 0.2_real64)) <= 0, 'reals')
    call torch_tensor_item(t > 0, l)
    call torch_tensor_item(t < 0, b)
    call expect(l .and. .not. b, 'logicals')
    call torch_tensor_item(t * 0 + 3, i32)
    call expect(i32 == 3, 'a whole number in an integer')
    call succeed(stat)
  end subroutine item_of_each_kind

  subroutine item_of_several(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real :: value
    call torch_tensor_full(t, 1.0, [2_int64])
    value = 7
    call torch_tensor_item(t, value, stat=stat, errmsg=errmsg)
    call expect(abs(value - 7) <= 0, 'unchanged')
  end subroutine item_of_several

  subroutine item_fraction(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    integer :: value
    call torch_tensor_full(t, 3.5)
    call torch_tensor_item(t, value, stat=stat, errmsg=errmsg)
  end subroutine item_fraction

  subroutine item_too_big(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    integer(int8) :: value
    call torch_tensor_full(t, 128)
    call torch_tensor_item(t, value, stat=stat, errmsg=errmsg)
  end subroutine item_too_big

  subroutine item_rounded(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real32) :: value
    call torch_tensor_full(t, 0.1_real64)
    call torch_tensor_item(t, value, stat=stat, errmsg=errmsg)
  end subroutine item_rounded

  subroutine item_long_rounded(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64) :: value
    call torch_tensor_full(t, 2_int64**53 + 1)
    call torch_tensor_item(t, value, stat=stat, errmsg=errmsg)
  end subroutine item_long_rounded

  subroutine item_complex(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real64) :: value
    call torch_tensor_full(t, 1.0)
    call torch_tensor_item(t * (0.0, 1.0), value, stat=stat, errmsg=errmsg)
  end subroutine item_complex

  subroutine item_of_logical(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    integer :: value
    call torch_tensor_full(t, 1)
    call torch_tensor_item(t > 0, value, stat=stat, errmsg=errmsg)
  end subroutine item_of_logical

  subroutine item_no_logical(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    logical :: value
    call torch_tensor_full(t, 1)
    call torch_tensor_item(t, value, stat=stat, errmsg=errmsg)
  end subroutine item_no_logical

  subroutine item_of_null(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    integer :: value
    call torch_tensor_item(t, value, stat=stat, errmsg=errmsg)
  end subroutine item_of_null

  subroutine item_nan(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    real(real32) :: value
    integer :: number
    call torch_tensor_full(t, 0.0_real64)
    call torch_tensor_item(t / t, value)
    call expect(.not. value <= huge(value) .and. .not. value > huge(value), 'NaN is NaN in every kind')
    call torch_tensor_item((t + 1) / t, value)
    call expect(value > huge(value), 'infinity too')
    call torch_tensor_item(t / t, number, stat=stat, errmsg=errmsg)
  end subroutine item_nan

  subroutine get_and_set(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t, counts, one, many
    real(real32), target :: a(2, 3)
    if (present(errmsg)) errmsg = ''
    a = reshape([1, 2, 3, 4, 5, 6], [2, 3])
    call torch_tensor_from_array(t, a)
    call expect(abs(t%get(2, 1) - 2) <= 0 .and. abs(t%get(1, 3) - 5) <= 0, 'the array''s own indices')
    call t%set(1, 3, 50.0)
    call t%set(2, 3, 60.0_real64)
    call expect(all(abs(a(:, 3) - [50, 60]) <= 0), 'written through')
    call torch_tensor_full(counts, 1, [2_int64])
    call counts%set(2, -7.0)
    call expect(nint(counts%get(2)) == -7 .and. nint(counts%get(1)) == 1, 'integers')
    call torch_tensor_full(one, 1.0)
    call one%set(2.0)
    call expect(abs(one%get() - 2) <= 0, 'no dimensions, no index')
    call torch_tensor_ones(many, 15, [integer(int64) :: 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2], torch_kFloat64, torch_kCPU)
    call many%set(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 9.0)
    call expect(abs(many%get(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2) - 9) <= 0, '15 dimensions')
    call succeed(stat)
  end subroutine get_and_set

  subroutine set_outside(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    integer, parameter :: place = 4
    call torch_tensor_full(t, 1.0, [2_int64, 3_int64])
    call t%set(1, place, 5.0, stat=stat, errmsg=errmsg)
  end subroutine set_outside

  subroutine set_count(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    integer, parameter :: place = 1
    call torch_tensor_full(t, 1.0, [2_int64, 3_int64])
    call t%set(place, 5.0, stat=stat, errmsg=errmsg)
  end subroutine set_count

  subroutine set_fraction(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    integer, parameter :: place = 1
    call torch_tensor_full(t, 1, [2_int64])
    call t%set(place, 0.5, stat=stat, errmsg=errmsg)
  end subroutine set_fraction

  subroutine set_too_big(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    integer, parameter :: place = 1
    call torch_tensor_full(t, 1, [2_int64], dtype=torch_kInt8)
    call t%set(place, 300.0, stat=stat, errmsg=errmsg)
  end subroutine set_too_big

  subroutine set_overflow(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    integer, parameter :: place = 1
    call torch_tensor_full(t, 1.0, [2_int64])
    call t%set(place, 1e300_real64, stat=stat, errmsg=errmsg)
  end subroutine set_overflow

  subroutine set_logical(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    integer, parameter :: place = 1
    call torch_tensor_full(t, 1, [2_int64], dtype=torch_kBool)
    call t%set(place, 2.0, stat=stat, errmsg=errmsg)
  end subroutine set_logical

  subroutine set_complex(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    integer, parameter :: place = 1
    call torch_tensor_full(t, 1.0, [2_int64])
    t = t * (0.0, 1.0)
    call t%set(place, 2.0, stat=stat, errmsg=errmsg)
  end subroutine set_complex

  subroutine set_on_leaf(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    integer, parameter :: place = 1
    call torch_tensor_full(t, 1.0, [2_int64], requires_grad=.true.)
    call t%set(place, 2.0, stat=stat, errmsg=errmsg)
    call expect(t%requires_grad() .and. abs(t%get(1) - 2) <= 0, 'a leaf still')
  end subroutine set_on_leaf

  subroutine stops_get_outside(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    call torch_tensor_full(t, 1.0, [2_int64, 3_int64])
    if (present(errmsg)) errmsg = ''
    write (*, *) 'value', t%get(0, 1)
    call succeed(stat)
  end subroutine stops_get_outside

  subroutine stops_get_count(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    call torch_tensor_full(t, 1.0, [2_int64, 3_int64])
    if (present(errmsg)) errmsg = ''
    write (*, *) 'value', t%get()
    call succeed(stat)
  end subroutine stops_get_count

  subroutine stops_get_long(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    call torch_tensor_full(t, 2_int64**53 + 1)
    if (present(errmsg)) errmsg = ''
    write (*, *) 'value', t%get()
    call succeed(stat)
  end subroutine stops_get_long

end module misuse_elements_scenarios

program misuse_elements
  use :: misuse_elements_scenarios, only: element_scenarios
  use :: misuse_kit, only: run_scenarios
  implicit none (type, external)
  call run_scenarios(element_scenarios())
end program misuse_elements
