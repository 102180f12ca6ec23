program main
  !! A model with a network in its time loop: 100 columns for a day. Usage: main [MODEL FILE]
  use, intrinsic :: iso_fortran_env, only: error_unit, real64
  use :: scheme_mod, only: finalize, guard_report, init, run, self_test, self_test_tolerance
  implicit none (type, external)

  call day()

contains

  subroutine day()
    integer, parameter :: levels = 20, columns = 100, hours = 24
    real(real64), target :: temperature(levels, columns), tendency(levels, columns)
    real(real64) :: difference
    character(len=4096) :: file
    integer :: hour, level, column

    file = '@MODEL@'
    if (command_argument_count() > 0) call get_command_argument(1, file)
    call init(trim(file))
    call self_test(difference)
    if (difference > self_test_tolerance) error stop 'the network does not reproduce its own sample on this machine'

    do column = 1, columns
      temperature(:, column) = [(280 + 0.2_real64 * column - 2 * (level - 1), level=1, levels)]
    end do
    do hour = 0, hours
      if (mod(hour, 6) == 0) print '(a, i3, 3(a, f8.3))', 'hour', hour, '  mean', sum(temperature) / size(temperature), &
        '  ground', sum(temperature(1, :)) / columns, '  top', sum(temperature(levels, :)) / columns
      call run(temperature, tendency)
      temperature = temperature + tendency
    end do

    call guard_report(error_unit)  ! says whether the network saw what it was not trained for
    call finalize()
  end subroutine day

end program main
