module misuse_kit
  !! A table of scenarios and the loop that runs them. Each is a subroutine, so that its local variables are finalized. It gets
  !! `stat` and `errmsg` or neither and hands them on to the call under test. One line per scenario is printed:
  !! name | stat | live handles that it left | failed expectations | message
  use, intrinsic :: iso_fortran_env, only: int64, output_unit
  use :: ftorch, only: torch_live_handles, torch_set_error_handler
  implicit none (type, external)
  private

  public :: scenario, run_scenarios, expect, succeed

  abstract interface
    subroutine body(stat, errmsg)
      implicit none (type, external)
      integer, optional, intent(out) :: stat
      character(len=*), optional, intent(inout) :: errmsg
    end subroutine body
  end interface

  type :: scenario
    character(len=48) :: name
    procedure(body), pointer, nopass :: run => null()
  end type scenario

  integer :: failures = 0

contains

  subroutine expect(fact, what)
    !! A fact that must be true.
    logical, intent(in) :: fact
    character(len=*), intent(in) :: what
    if (fact) return
    failures = failures + 1
    write (output_unit, '(2a)') 'NOT TRUE: ', what
  end subroutine expect

  subroutine succeed(stat)
    !! For scenarios that are judged by their expectations alone.
    integer, optional, intent(out) :: stat
    if (present(stat)) stat = 0
  end subroutine succeed

  subroutine run_scenarios(table)
    !! `program all` runs everything with stat and errmsg, `program NAME` one scenario without.
    type(scenario), intent(in) :: table(:)
    character(len=48) :: chosen
    character(len=2000) :: message
    integer :: i, status
    integer(int64) :: before
    ! Disassociated pointers are absent arguments. (gfortran 12 passes nothing at all for `call table(i)%run(no_stat, no_message)`.)
    integer, pointer :: no_stat
    character(len=1), pointer :: no_message
    nullify (no_stat, no_message)
    call get_command_argument(1, chosen)
    do i = 1, size(table)
      if (chosen == table(i)%name) then
        call table(i)%run(no_stat, no_message)
        write (output_unit, '(2a)') trim(chosen), ' returned'
        return
      end if
    end do
    if (chosen /= 'all') error stop 'no such scenario'
    do i = 1, size(table)
      if (index(table(i)%name, 'stops') == 1) cycle
      failures = 0
      status = -1
      message = ''
      before = torch_live_handles()
      call table(i)%run(status, message)
      write (output_unit, '(2a,i0,a,i0,a,i0,2a)') trim(table(i)%name), '|', status, '|', torch_live_handles() - before, '|', &
        failures, '|', trim(message)
      flush (output_unit)
    end do
  end subroutine run_scenarios

end module misuse_kit
