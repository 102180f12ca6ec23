module misuse_kit
  !! A table of scenarios and the loop that runs them. Each is a subroutine, so that its local variables are finalized. It gets
  !! `stat` and `errmsg` or neither and hands them on to the call under test. With them, one line per scenario is printed:
  !! name | stat | live handles that it left | failed expectations | message
  use, intrinsic :: iso_c_binding, only: c_int
  use, intrinsic :: iso_fortran_env, only: compiler_version, int64, output_unit
  use :: forks, only: await_child, in_child
  use :: ftorch, only: torch_live_handles
  implicit none (type, external)
  private

  public :: scenario, run_scenarios, constructors_copy, expect, succeed

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

  logical function constructors_copy()
    !! Whether `box(3, field)` copies its tensors. gfortran 13 and newer finalize what the constructor made, and so the original.
    character(len=*), parameter :: gcc = 'GCC version '
    character(len=:), allocatable :: version
    integer :: major
    version = compiler_version()
    major = 0
    if (index(version, gcc) == 1) read (version(len(gcc) + 1:len(gcc) + 2), *) major
    constructors_copy = major < 13
  end function constructors_copy

  subroutine run_scenarios(table)
    !! `program all` runs everything with stat and errmsg, `program each N` everything without, each in a process of its own, of
    !! which every Nth takes apart what it has loaded before it ends.
    type(scenario), intent(in) :: table(:)
    character(len=8) :: chosen, number
    integer :: i, thorough
    call get_command_argument(1, chosen)
    call get_command_argument(2, number)
    if (chosen == 'each') read (number, *) thorough
    ! The first call loads libtorch, for all children.
    if (torch_live_handles() /= 0) error stop 'there are handles before the first scenario'
    do i = 1, size(table)
      select case (chosen)
      case ('all')
        if (index(table(i)%name, 'stops') /= 1) call with_status(table(i))
      case ('each')
        call alone(table(i), mod(i, thorough) == 0)
      case default
        error stop 'expected the argument all or each'
      end select
    end do
  end subroutine run_scenarios

  subroutine with_status(chosen)
    type(scenario), intent(in) :: chosen
    character(len=2000) :: message
    integer :: status
    integer(int64) :: before
    failures = 0
    status = -1
    message = ''
    before = torch_live_handles()
    call chosen%run(status, message)
    write (output_unit, '(2a,i0,a,i0,a,i0,2a)') trim(chosen%name), '|', status, '|', torch_live_handles() - before, '|', &
      failures, '|', trim(message)
    flush (output_unit)
  end subroutine with_status

  subroutine alone(chosen, thorough)
    type(scenario), intent(in) :: chosen
    logical, intent(in) :: thorough
    integer(c_int) :: child
    ! Disassociated pointers are absent arguments. (gfortran 12 passes nothing at all for `call chosen%run(no_stat, no_message)`.)
    integer, pointer :: no_stat
    character(len=1), pointer :: no_message
    nullify (no_stat, no_message)
    if (in_child(child, thorough)) then
      call chosen%run(no_stat, no_message)
      write (output_unit, '(2a)') trim(chosen%name), ' returned'
      flush (output_unit)
      stop
    end if
    call await_child(child, trim(chosen%name))
  end subroutine alone

end module misuse_kit
