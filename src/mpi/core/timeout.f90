module ftorch_mpi_timeout
  !! How long ranks wait for one that does not call.
  use, intrinsic :: iso_c_binding, only: c_double
  use :: ftorch_error, only: refuse
  use :: ftorch_mpi_capi, only: ctorch_mpi_set_timeout
  use :: ftorch_types, only: torch_error_argument, torch_success
  implicit none (type, external)
  private

  public :: torch_mpi_set_timeout

contains

  subroutine torch_mpi_set_timeout(seconds, stat, errmsg)
    !! The time after which a procedure over a communicator fails on the ranks that wait in it for one that has not called it: half
    !! an hour unless this says otherwise, 0 for ever. Not collective.
    integer, intent(in) :: seconds
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    if (present(stat)) stat = torch_success
    if (ctorch_mpi_set_timeout(real(seconds, c_double)) /= torch_success) then
      call refuse(torch_error_argument, 'torch_mpi_set_timeout', 'argument ''seconds'' is negative', stat, errmsg)
    end if
  end subroutine torch_mpi_set_timeout

end module ftorch_mpi_timeout
