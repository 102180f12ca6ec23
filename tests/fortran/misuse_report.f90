module misuse_report_scenarios
  !! The report of a training.
  use, intrinsic :: iso_fortran_env, only: real32, real64
  use :: ftorch
  use :: misuse_kit, only: expect, scenario, succeed
  implicit none (type, external)
  private
  public :: report_scenarios

contains

  function report_scenarios() result(table)
    type(scenario), allocatable :: table(:)
    table = [scenario('report_numbers', report_numbers), scenario('report_speed', report_speed), &
      scenario('report_file', report_file), scenario('report_every', report_every), scenario('report_unit', report_unit), &
      scenario('report_not_one', report_not_one), scenario('report_not_set', report_not_set)]
  end function report_scenarios

  subroutine report_numbers(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_report) :: report
    type(torch_tensor) :: loss, weight
    type(torch_optim) :: optim
    character(len=:), allocatable :: line
    if (present(errmsg)) errmsg = ''
    call torch_tensor_full(loss, 0.5)
    call torch_tensor_ones(weight, 0, [integer(selected_int_kind(18)) ::], torch_kFloat32, torch_kCPU, requires_grad=.true.)
    call torch_optim_SGD(optim, [weight], learning_rate=0.25_real64)
    call report%add(loss)
    line = report%line()
    call expect(index(line, 'step 1: loss 5.000E-01, ') == 1 .and. index(line, 'rate') == 0, 'no learning rate: ' // line)
    call report%add(loss, optim)
    call report%add(1.0_real32)
    call report%add(3.0_real64)
    call expect(abs(report%mean_loss() - 1.5_real64) < 1e-12_real64, 'the mean since the last line')
    call expect(abs(report%loss - 3) <= 0 .and. abs(report%learning_rate - 0.25_real64) <= 0 .and. report%step == 4, 'components')
    line = report%line()
    call expect(index(line, 'step 4: loss 1.500E+00, learning rate 2.500E-01, ') == 1, line)
    call succeed(stat)
  end subroutine report_numbers

  subroutine report_speed(stat, errmsg)
    !! Steps that take a twentieth of a second each.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_report) :: report
    integer(selected_int_kind(18)) :: start, now, rate
    integer :: i
    if (present(errmsg)) errmsg = ''
    do i = 1, 5
      call system_clock(start, rate)
      now = start
      do while (now - start < rate / 20)
        call system_clock(now)
      end do
      call report%add(1.0)
    end do
    call expect(report%steps_per_second() > 5 .and. report%steps_per_second() <= 20.001_real64, 'at most 20 steps a second')
    call succeed(stat)
  end subroutine report_speed

  subroutine report_file(stat, errmsg)
    !! A line after every second step, into a file.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_report) :: report
    integer :: unit, i, ended
    character(len=80) :: line
    if (present(errmsg)) errmsg = ''
    open (newunit=unit, status='scratch', action='readwrite')
    do i = 1, 5
      call report%add(real(i))
      call report%print(every=2, unit=unit)
    end do
    rewind (unit)
    read (unit, '(a)') line
    call expect(index(line, 'step 2: loss 1.500E+00') == 1, 'the first line')
    read (unit, '(a)') line
    call expect(index(line, 'step 4: loss 3.500E+00') == 1, 'the second line')
    read (unit, '(a)', iostat=ended) line
    call expect(ended /= 0, 'and no other')
    close (unit)
    call succeed(stat)
  end subroutine report_file

  subroutine report_every(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_report) :: report
    call report%print(every=0, stat=stat, errmsg=errmsg)
  end subroutine report_every

  subroutine report_unit(stat, errmsg)
    !! A file that is open for reading only.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_report) :: report
    integer :: unit
    open (newunit=unit, file='linear.pt', status='old', action='read')
    call report%print(unit=unit, stat=stat, errmsg=errmsg)
    close (unit)
  end subroutine report_unit

  subroutine report_not_one(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_report) :: report
    type(torch_tensor) :: losses
    losses = torch_ones([3])
    call report%add(losses, stat=stat, errmsg=errmsg)
    call expect(report%step == 0, 'not counted')
  end subroutine report_not_one

  subroutine report_not_set(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_report) :: report
    type(torch_tensor) :: loss
    call report%add(loss, stat=stat, errmsg=errmsg)
  end subroutine report_not_set

end module misuse_report_scenarios

program misuse_report
  use :: misuse_kit, only: run_scenarios
  use :: misuse_report_scenarios, only: report_scenarios
  implicit none (type, external)
  call run_scenarios(report_scenarios())
end program misuse_report
