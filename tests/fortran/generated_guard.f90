program generated_guard
  !! Loads a file into the module weather, and what its guard counts of NaN and infinity: generated_guard FILE
  use, intrinsic :: iso_fortran_env, only: int32, int64, output_unit, real32, real64
  use :: weather, only: finalize, guard_counts, guard_report, init, n_guarded, run
  use :: ftorch, only: torch_live_handles
  implicit none (type, external)

  call demonstrate()
  if (torch_live_handles() /= 0) error stop 'handles are left over'

contains

  subroutine demonstrate()
    real(real32), target :: air(2, 3), rain(2, 3), outside(2, 3)
    real(real64), target :: month
    character(len=512) :: file, errmsg
    integer :: stat
    call get_command_argument(1, file)
    errmsg = ''
    call init(trim(file), stat, errmsg)
    print '(i0, 1x, a)', stat, trim(errmsg)
    if (stat /= 0) return
    air = 290
    month = 3
    call run(air, month, rain, outside)
    call print_counts()
    ! By bits: the compiler may take any other NaN for none.
    air(1, 1) = transfer(int(z'7FC00000', int32), air(1, 1))
    air(2, 1) = transfer(int(z'7F800001', int32), air(1, 1))
    air(1, 2) = transfer(int(z'7F800000', int32), air(1, 1))
    air(2, 2) = 200
    call run(air, month, rain, outside)
    call print_counts()
    air = 290
    month = transfer(int(z'7FF8000000000000', int64), month)
    call run(air, month, rain, outside)
    month = transfer(ior(ishft(-1_int64, 63), int(z'7FF0000000000000', int64)), month)
    call run(air(:, 1), month, rain(:, 1), outside(:, 1))
    month = 13
    call run(air, month, rain, outside)
    call print_counts()
    call guard_report(output_unit)
    call finalize()
  end subroutine demonstrate

  subroutine print_counts()
    integer(int64) :: found(n_guarded)
    call guard_counts(found)
    print '(a, 2(1x, i0))', 'counts', found
  end subroutine print_counts

end program generated_guard
