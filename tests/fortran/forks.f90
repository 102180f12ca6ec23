module forks
  !! What ends the program, seen many times in one run: the part that ends is run by a copy of the process. Starting a program anew
  !! costs a hundred times as much, for the libraries that it loads. No thread but the first may have been started before.
  use, intrinsic :: iso_c_binding, only: c_associated, c_funloc, c_funptr, c_int, c_null_ptr, c_ptr
  use, intrinsic :: iso_fortran_env, only: error_unit, output_unit
  implicit none (type, external)
  private

  public :: in_child, await_child

  integer(c_int), parameter :: patience = 900  !! Seconds, after which a child that hangs gets a signal, also on a busy machine

  ! pid_t is int in glibc and musl.
  interface
    function fork() bind(c) result(pid)
      import :: c_int
      implicit none (type, external)
      integer(c_int) :: pid
    end function fork

    function waitpid(pid, status, options) bind(c) result(found)
      import :: c_int
      implicit none (type, external)
      integer(c_int), value :: pid, options
      integer(c_int), intent(out) :: status
      integer(c_int) :: found
    end function waitpid

    function on_exit(handler, argument) bind(c) result(failed)
      import :: c_funptr, c_int, c_ptr
      implicit none (type, external)
      type(c_funptr), value :: handler
      type(c_ptr), value :: argument
      integer(c_int) :: failed
    end function on_exit

    subroutine exit_now(code) bind(c, name='_exit')
      import :: c_int
      implicit none (type, external)
      integer(c_int), value :: code
    end subroutine exit_now

    function alarm(seconds) bind(c) result(left)
      import :: c_int
      implicit none (type, external)
      integer(c_int), value :: seconds
      integer(c_int) :: left
    end function alarm
  end interface

contains

  function in_child(child, thorough) result(yes)
    !! Copy the process: true in the copy, which must end, and false in this one, which must call `await_child`. Taking libtorch
    !! apart at the end costs as much as loading it: a child that is not `thorough` leaves that out.
    integer(c_int), intent(out) :: child
    logical, intent(in) :: thorough
    logical :: yes
    integer(c_int) :: ignored
    ! What is still to be written would be written by both.
    flush (output_unit)
    flush (error_unit)
    child = fork()
    if (child < 0) error stop 'forks: no further process can be started'
    yes = child == 0
    if (.not. yes) return
    ignored = alarm(patience)
    if (.not. thorough) then
      if (on_exit(c_funloc(leave), c_null_ptr) /= 0) error stop 'forks: the end of the child cannot be shortened'
    end if
  end function in_child

  subroutine leave(code, argument) bind(c)
    !! The last that was registered is called first, before the destructors of libraries. Nothing can be flushed here: what stops
    !! the program may be a function in the list of a write statement, which holds the unit.
    integer(c_int), value :: code
    type(c_ptr), value :: argument
    if (.not. c_associated(argument)) call exit_now(code)  ! it is null
  end subroutine leave

  subroutine await_child(child, name)
    !! Wait for the end of the copy and mark in both streams, below what it wrote, how that was:
    !! `=== CODE NAME`, the code being the exit code or minus the number of the signal.
    integer(c_int), intent(in) :: child
    character(len=*), intent(in) :: name
    integer(c_int) :: status, number
    if (waitpid(child, status, 0_c_int) /= child) error stop 'forks: the child is lost'
    ! The macros WIFSIGNALED, WTERMSIG and WEXITSTATUS, as they are on Linux and the BSDs.
    number = iand(status, 127_c_int)
    number = merge(-number, iand(ishft(status, -8), 255_c_int), number > 0)
    write (output_unit, '(/,a,i0,2a)') '=== ', number, ' ', name
    write (error_unit, '(/,a,i0,2a)') '=== ', number, ' ', name
    flush (output_unit)
    flush (error_unit)
  end subroutine await_child

end module forks
