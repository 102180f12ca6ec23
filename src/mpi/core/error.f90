module ftorch_mpi_error
  !! How a failure of several ranks reaches the program: the same `stat` and `errmsg` on all, or one message and the end of the job.
  use, intrinsic :: iso_c_binding, only: c_int32_t, c_int64_t, c_null_ptr, c_ptr
  use, intrinsic :: iso_fortran_env, only: error_unit
  use :: ftorch_error, only: call_error_handler, refuse, text_of
  use :: ftorch_mpi_capi, only: ctorch_mpi_abort, ctorch_mpi_last_error, ctorch_mpi_rank, ctorch_mpi_wait
  use :: ftorch_text, only: text
  use :: ftorch_types, only: torch_success
  implicit none (type, external)
  private

  public :: check_together

contains

  subroutine check_together(status, comm, name, stat, errmsg)
    !! Ends every procedure of ftorch_mpi: reports the status of its C entry as the procedure `name`.
    integer(c_int32_t), intent(in) :: status, comm
    character(len=*), intent(in) :: name
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    character(len=:), allocatable :: message
    integer(c_int32_t) :: rank
    if (present(stat)) stat = int(status)
    if (status == torch_success) return
    call get_last_error(message, rank)
    if (rank < 0) then  ! found by this rank alone: the others cannot be asked
      call refuse(int(status), name, message, stat, errmsg)
    else if (present(stat)) then
      call refuse(int(status), 'rank ' // text(rank), name // ': ' // message, stat, errmsg)
    else
      call end_job(int(status), comm, 'rank ' // text(rank) // ': ' // name // ': ' // message)
    end if
  end subroutine check_together

  subroutine end_job(status, comm, message)
    !! All ranks are here. The first one speaks for them and ends the job; the others wait for that.
    integer, intent(in) :: status
    integer(c_int32_t), intent(in) :: comm
    character(len=*), intent(in) :: message
    integer(c_int32_t) :: rank, ignored
    rank = 0
    ignored = ctorch_mpi_rank(comm, rank)
    if (rank /= 0) ignored = ctorch_mpi_wait(comm)
    call call_error_handler(message, status)
    write (error_unit, '(a)') message
    flush (error_unit)
    ignored = ctorch_mpi_abort(comm, int(status, c_int32_t))
    error stop 1, quiet=.true.
  end subroutine end_job

  subroutine get_last_error(message, rank)
    character(len=:), allocatable, intent(out) :: message
    integer(c_int32_t), intent(out) :: rank
    type(c_ptr) :: text
    integer(c_int64_t) :: length
    text = c_null_ptr
    length = 0
    rank = -1
    if (ctorch_mpi_last_error(text, length, rank) /= torch_success) length = 0
    message = text_of(text, length)
  end subroutine get_last_error

end module ftorch_mpi_error
