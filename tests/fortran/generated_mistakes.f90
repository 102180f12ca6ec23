program generated_mistakes
  !! What a generated module does when something is wrong, and what its guard counts.
  use, intrinsic :: iso_c_binding, only: c_bool
  use, intrinsic :: iso_fortran_env, only: int64, output_unit, real64
  use, intrinsic :: ieee_arithmetic, only: ieee_quiet_nan, ieee_value
  use :: fields_mod, only: finalize, guard_counts, guard_report, guard_reset, guarded_names, init, n_guarded, run, self_test
  use ftorch, only: torch_live_handles, torch_success
  implicit none (type, external)

  integer :: number
  character(len=16) :: name

  do number = 1, command_argument_count()
    call get_command_argument(number, name)
    call try(trim(name))
  end do

contains

  subroutine try(scenario)
    character(len=*), intent(in) :: scenario
    real(real64), target :: sst(6, 4, 2), next(6, 4, 2), total(2)
    logical(c_bool), target :: mask(6, 4, 2)
    integer(int64), target :: month
    real(real64) :: difference
    integer :: stat
    character(len=512) :: errmsg
    sst = 290
    mask = .true.
    month = 3
    stat = torch_success
    errmsg = ''
    if (scenario /= 'not_loaded' .and. scenario /= 'no_file') call init('fields.pt')
    select case (scenario)
    case ('not_loaded')
      call run(sst, mask, month, next, total, stat, errmsg)
    case ('no_file')
      call init('nowhere.pt', stat, errmsg)
    case ('finalized')
      call finalize()
      call finalize()
      call self_test(difference, stat, errmsg)
    case ('wrong_shape')
      call run(sst(:5, :, :), mask, month, next, total, stat, errmsg)
    case ('two_batches')
      call run(sst, mask(:, :, :1), month, next, total, stat, errmsg)
    case ('backwards')
      call run(sst(6:1:-1, :, :), mask, month, next, total, stat, errmsg)
    case ('short_output')
      call run(sst(:, :, 1), mask(:, :, 1), month, next(:, :3, 1), total(1), stat, errmsg)
    case ('stops')
      call run(sst(:5, :, :), mask, month, next, total)
    case ('guard')
      call guarded(sst, mask, month, next, total)
    case ('missed')
      call guard_report(output_unit)
    case default
      error stop 'no such scenario'
    end select
    call finalize()
    if (torch_live_handles() /= 0) error stop 'handles are left over'
    print '(2a, i0, 1x, a)', scenario, ' ', stat, trim(errmsg)
    call guard_reset()
  end subroutine try

  subroutine guarded(sst, mask, month, next, total)
    real(real64), intent(inout), target :: sst(:, :, :), next(:, :, :), total(:)
    logical(c_bool), intent(in), target :: mask(:, :, :)
    integer(int64), intent(inout), target :: month
    integer(int64) :: outside(n_guarded), calls
    integer :: stat
    sst(1, 1, 1) = 200
    sst(2, 1, 1) = 400.5_real64
    sst(3, 1, 1) = ieee_value(0.0_real64, ieee_quiet_nan)
    sst(4, 1, 1) = 270
    sst(5, 1, 1) = 310
    call run(sst, mask, month, next, total)
    month = 13
    call run(sst(:, :, 2), mask(:, :, 2), month, next(:, :, 2), total(2), stat)
    if (stat == 0) error stop 'a whole number outside of its range is not refused'
    call guard_counts(outside, calls)
    print '(a, 3(1x, i0))', 'counts', outside, calls
    print '(2a)', trim(guarded_names(1)), trim(guarded_names(2))
    call guard_report(output_unit)
    call guard_reset()
    call guard_counts(outside)
    print '(a, 2(1x, i0))', 'counts', outside
    call guard_report(output_unit)
  end subroutine guarded

end program generated_mistakes
