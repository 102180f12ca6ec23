module columns_shared
  ! What programs of pools share: the arguments SCENARIO FILE TWO, a model of five numbers to three and one of two inputs and two
  ! outputs, columns, and who is right.
  use, intrinsic :: iso_fortran_env, only: real32
  use ftorch
  use job
  implicit none (type, external)
  public
  character(len=32) :: scenario
  character(len=256) :: file, two_file, errmsg
  type(torch_model) :: model
  integer :: rank, n, stat

contains

  subroutine begin()
    call get_command_argument(1, scenario)
    call get_command_argument(2, file)
    call get_command_argument(3, two_file)
    call start()
    rank = my_rank(mpi_comm_world)
    n = n_ranks(mpi_comm_world)
    stat = -1
    errmsg = ''
    call torch_model_load(model, file)
  end subroutine begin

  subroutine conclude()
    call torch_delete(model)
    call say(rank, int(torch_live_handles()), verdict())
    call finish()
  end subroutine conclude

  integer function mine(case_of_counts)
    ! Columns of this rank: uneven, none on some, none anywhere, one each, all on one.
    integer, intent(in) :: case_of_counts
    select case (case_of_counts)
    case (1)
      mine = 5 + 3 * rank
    case (2)
      mine = merge(0, 7, modulo(rank, 2) == 1)
    case (3)
      mine = 0
    case (4)
      mine = 1
    case default
      mine = merge(200, 0, rank == n - 1)
    end select
  end function mine

  subroutine fill(x)
    real(real32), intent(out) :: x(:, :)
    integer :: i, j
    do j = 1, size(x, 2)
      do i = 1, size(x, 1)
        x(i, j) = sin(real(i + 17 * j + 100 * rank, real32))
      end do
    end do
  end subroutine fill

  logical function alike(a, b)
    real(real32), intent(in) :: a(:, :), b(:, :)
    alike = all(transfer(a, [1]) == transfer(b, [1]))
  end function alike

  subroutine tell(expected)
    ! The message that all ranks have; of one rank, there are no others to differ from.
    character(len=*), intent(in) :: expected
    if (n == 1 .and. (index(expected, ' there') > 0)) return
    call must(stat /= torch_error_internal, 'internal')
    call told(stat, errmsg, expected)
  end subroutine tell

end module columns_shared
