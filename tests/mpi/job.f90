module job
  ! What the test programs share: MPI by its oldest interface, which every compiler reads, and one line for each rank.
  use, intrinsic :: iso_fortran_env, only: int64, output_unit, real64
  implicit none (type, external)
  include 'mpif.h'
  private
  public :: start, finish, say, must, told, verdict, bits, my_rank, n_ranks, wait, split, duplicate, free, between_halves, &
    abort_when_all_are_done, mpi_comm_world, mpi_comm_null, mpi_comm_self
  external :: mpi_init, mpi_finalize, mpi_comm_rank, mpi_comm_size, mpi_barrier, mpi_comm_split, mpi_comm_dup, mpi_comm_free, &
    mpi_intercomm_create, mpi_abort, mpi_send, mpi_recv

  character(len=:), allocatable :: wrong

contains

  subroutine must(right, what)
    ! What is not right is in the verdict.
    logical, intent(in) :: right
    character(len=*), intent(in) :: what
    if (.not. allocated(wrong)) wrong = ''
    if (.not. right) wrong = wrong // what // '; '
  end subroutine must

  subroutine told(stat, errmsg, expected, status)
    ! A call was refused by these words, and by this status where one is named. Both are ready for the next one then.
    integer, intent(inout) :: stat
    character(len=*), intent(inout) :: errmsg
    character(len=*), intent(in) :: expected
    integer, optional, intent(in) :: status
    call must(stat > 0 .and. index(errmsg, expected) > 0, '"' // trim(errmsg) // '" is not "' // expected // '"')
    if (present(status)) call must(stat == status, 'another status: ' // trim(errmsg))
    stat = -1
    errmsg = ''
  end subroutine told

  function verdict() result(text)
    character(len=:), allocatable :: text
    text = 'right'
    if (.not. allocated(wrong)) return
    if (wrong /= '') text = wrong
  end function verdict

  function bits(values) result(text)
    ! Of all numbers together: one that has another bit makes another text.
    real(real64), intent(in) :: values(:)
    character(len=16) :: text
    integer(int64) :: all_of_them
    integer :: k
    all_of_them = 0
    do k = 1, size(values)
      all_of_them = ieor(ishftc(all_of_them, 1), transfer(values(k), 0_int64))
    end do
    write (text, '(z16.16)') all_of_them
  end function bits

  subroutine start()
    integer :: ierror
    call mpi_init(ierror)
  end subroutine start

  subroutine finish()
    integer :: ierror
    call mpi_finalize(ierror)
  end subroutine finish

  subroutine abort_when_all_are_done(rank, n)
    ! Ends a job in which nothing can be agreed on any more. The last rank hears from each other one, which waits then.
    integer, intent(in) :: rank, n
    integer :: ierror, other, nothing(1), status(mpi_status_size)
    nothing = 0
    if (rank < n - 1) then
      call mpi_send(nothing, 0, mpi_integer, n - 1, 11, mpi_comm_world, ierror)
      call mpi_recv(nothing, 0, mpi_integer, n - 1, 12, mpi_comm_world, status, ierror)
    end if
    do other = 0, n - 2
      call mpi_recv(nothing, 0, mpi_integer, other, 11, mpi_comm_world, status, ierror)
    end do
    call mpi_abort(mpi_comm_world, 7, ierror)
  end subroutine abort_when_all_are_done

  integer function my_rank(comm)
    integer, intent(in) :: comm
    integer :: ierror
    call mpi_comm_rank(comm, my_rank, ierror)
  end function my_rank

  integer function n_ranks(comm)
    integer, intent(in) :: comm
    integer :: ierror
    call mpi_comm_size(comm, n_ranks, ierror)
  end function n_ranks

  subroutine wait(comm)
    integer, intent(in) :: comm
    integer :: ierror
    call mpi_barrier(comm, ierror)
  end subroutine wait

  integer function split(comm, color)
    integer, intent(in) :: comm, color
    integer :: ierror
    call mpi_comm_split(comm, color, 0, split, ierror)
  end function split

  integer function duplicate(comm)
    integer, intent(in) :: comm
    integer :: ierror
    call mpi_comm_dup(comm, duplicate, ierror)
  end function duplicate

  subroutine free(comm)
    integer, intent(in) :: comm
    integer :: copy, ierror
    copy = comm  ! which becomes MPI_COMM_NULL; the caller keeps the number
    call mpi_comm_free(copy, ierror)
  end subroutine free

  integer function between_halves()
    ! Even and odd ranks, as components of a coupled model are.
    integer :: mine, ierror
    mine = split(mpi_comm_world, modulo(my_rank(mpi_comm_world), 2))
    call mpi_intercomm_create(mine, 0, mpi_comm_world, 1 - modulo(my_rank(mpi_comm_world), 2), 7, between_halves, ierror)
  end function between_halves

  subroutine say(rank, status, message)
    ! In one piece, for lines of several ranks go to one place.
    integer, intent(in) :: rank, status
    character(len=*), intent(in) :: message
    character(len=1000) :: line
    write (line, '(i0, a, i0, a, a)') rank, '|', status, '|', message(:min(len_trim(message), 900))
    write (output_unit, '(a)') trim(line)
    flush (output_unit)
  end subroutine say

end module job
