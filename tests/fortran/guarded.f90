program guarded
  !! Samples that a network was not trained for are left to a scheme: guarded FILE FILE, the second one for Fortran's order.
  use, intrinsic :: iso_fortran_env, only: int64, output_unit, real32, real64
  use, intrinsic :: iso_c_binding, only: c_bool
  use, intrinsic :: ieee_arithmetic, only: ieee_quiet_nan, ieee_value
  use :: reversed_order, only: finalize, guard_counts, guard_fallbacks, guard_report, guard_reset, init, n_guarded, run, run_guarded
  use :: same_order, only: same_finalize => finalize, same_init => init, same_guarded => run_guarded
  use :: ftorch, only: torch_live_handles
  implicit none (type, external)

  integer, parameter :: n = 6
  character(len=256) :: files(2)
  integer :: calls_of_scheme

  call get_command_argument(1, files(1))
  call get_command_argument(2, files(2))
  call demonstrate()
  call finalize()
  call same_finalize()
  if (torch_live_handles() /= 0) error stop 'handles are left over'

contains

  subroutine demonstrate()
    real(real64), target :: air(2, n), rain(2, n), straight(n, 2), wet(n, 2)
    logical(c_bool), target :: outside(n), marked(n)
    integer(int64), target :: month(n)
    integer(int64) :: found(n_guarded), below(n_guarded), above(n_guarded), samples, of_inputs, of_outputs
    integer :: fallbacks(n), stat
    character(len=256) :: errmsg

    air = reshape([280, 281, 290, 291, 300, 301, 282, 283, 292, 293, 302, 303], [2, n])
    month = 3
    call init(trim(files(1)))
    call run(air, month, rain, outside)
    call show('network', rain)

    calls_of_scheme = 0
    fallbacks = 0
    call run_guarded(air, month, rain, outside, scheme, fallbacks)
    call show('all inside', rain)
    print '(a, *(1x, i0))', 'calls', calls_of_scheme, fallbacks

    air(2, 2) = 200                                     ! below
    air(:, 3) = ieee_value(0.0_real64, ieee_quiet_nan)
    month(5) = 13                                       ! would be refused: a whole number outside of its range
    air(1, 6) = 305                                     ! in the range, but the network says that it is not for it
    rain = 0
    call run_guarded(air, month, rain, outside, scheme, fallbacks)
    call show('some outside', rain)
    print '(a, *(1x, i0))', 'calls', calls_of_scheme, fallbacks

    air(1, 4) = 309.5_real64                            ! gives a result outside of its range
    call run_guarded(air, month, rain, outside, scheme, fallbacks, stat, errmsg)
    call show('wrong result', rain)
    print '(a, *(1x, i0))', 'calls', calls_of_scheme, fallbacks
    call guard_counts(found, below=below, above=above)
    print '(a, *(1x, i0))', 'counts', found, below, above
    call guard_fallbacks(samples, of_inputs, of_outputs)
    print '(a, *(1x, i0))', 'samples', samples, of_inputs, of_outputs
    call guard_report(output_unit)

    month = 13
    call run_guarded(air, month, rain, outside, scheme, stat=stat)
    call show('all outside', rain)
    call guard_reset()
    call guard_fallbacks(samples, of_inputs, of_outputs)
    print '(a, *(1x, i0))', 'samples', samples, of_inputs, of_outputs

    month = 3
    errmsg = ''
    call run_guarded(air, month, rain, outside, scheme, fallbacks(:4), stat, errmsg)
    print '(a, i0, 1x, a)', 'fewer fallbacks ', stat, trim(errmsg)
    call run_guarded(air, month, rain(:, :5), outside, scheme, stat=stat, errmsg=errmsg)
    print '(a, i0, 1x, a)', 'fewer results ', stat, trim(errmsg)
    call run_guarded(air(:1, :), month, rain, outside, scheme, stat=stat, errmsg=errmsg)
    print '(a, i0, 1x, a)', 'fewer variables ', stat, trim(errmsg)

    call same_init(trim(files(2)))
    straight = transpose(air)
    straight(4, 1) = 290
    fallbacks = 0
    wet = 0
    call same_guarded(straight, month(1), wet, marked, scheme_of_rows, fallbacks)
    call show('in rows', transpose(wet))
    month(1) = 13                                       ! of all samples
    call same_guarded(straight, month(1), wet, marked, scheme_of_rows, fallbacks)
    call show('all rows', transpose(wet))
    print '(a, *(1x, i0))', 'calls', calls_of_scheme, fallbacks

    call finalize()
    air = 290
    month = 3
    errmsg = ''
    call run_guarded(air, month, rain, outside, scheme, fallbacks, stat, errmsg)
    print '(a, i0, 1x, a)', 'finalized ', stat, trim(errmsg)

  end subroutine demonstrate

  subroutine scheme(sample_numbers, air, month, rain, outside)
    !! What can be told from all results of a network.
    integer, intent(in) :: sample_numbers(:)
    real(real64), intent(in) :: air(:, :)
    integer(int64), intent(in) :: month(:)
    real(real64), intent(inout) :: rain(:, :)
    logical(c_bool), intent(inout) :: outside(:)
    calls_of_scheme = calls_of_scheme + 1
    if (any(shape(air) /= [2, size(sample_numbers)]) .or. size(month) /= size(outside)) error stop 'not the samples'
    rain = spread(-real(sample_numbers, real64), 1, 2)
    outside = .true.
  end subroutine scheme

  subroutine scheme_of_rows(sample_numbers, air, month, rain, outside)
    integer, intent(in) :: sample_numbers(:)
    real(real64), intent(in) :: air(:, :)
    integer(int64), intent(in) :: month
    real(real64), intent(inout) :: rain(:, :)
    logical(c_bool), intent(inout) :: outside(:)
    real(real64) :: turned(size(rain, 2), size(rain, 1))
    call scheme(sample_numbers, transpose(air), spread(month, 1, size(outside)), turned, outside)
    rain = transpose(turned)
  end subroutine scheme_of_rows

  subroutine show(name, values)
    character(len=*), intent(in) :: name
    real(real64), intent(in) :: values(:, :)
    print '(a, *(1x, i0))', name, nint(values)
  end subroutine show

end program guarded
