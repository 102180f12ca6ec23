module my_handler
  use, intrinsic :: iso_fortran_env, only: error_unit
  implicit none (type, external)
  private
  public :: note
contains
  subroutine note(message, status)
    character(len=*), intent(in) :: message
    integer, intent(in) :: status
    write (error_unit, '(a, i0, 2a)') 'my handler: ', status, ' ', message
    flush (error_unit)
  end subroutine note
end module my_handler

program errors
  ! What goes wrong on one rank, on all, or in a communicator. The argument is the scenario.
  use ftorch
  use ftorch_mpi
  use job
  use my_handler, only: note
  implicit none (type, external)
  integer :: rank, n, stat
  character(len=32) :: scenario
  character(len=256) :: errmsg
  call get_command_argument(1, scenario)
  stat = -1
  errmsg = ''
  if (scenario == 'before') then
    call torch_mpi_same(mpi_comm_world, 'x', stat, errmsg)
    call say(0, stat, errmsg)
    stop
  end if
  call start()
  rank = my_rank(mpi_comm_world)
  n = n_ranks(mpi_comm_world)
  select case (scenario)
  case ('same')
    call torch_mpi_same(mpi_comm_world, 'abc', stat, errmsg)
    call say(rank, stat, errmsg)
  case ('differs')  ! twice: the first failure leaves nothing behind
    call torch_mpi_same(mpi_comm_world, merge('abd', 'abc', rank == n - 1), stat, errmsg)
    call torch_mpi_same(mpi_comm_world, merge('abd', 'abc', rank == n - 1), stat, errmsg)
    call say(rank, stat, errmsg)
  case ('lowest')
    call torch_mpi_same(mpi_comm_world, merge('abd', 'abc', rank > 0), stat, errmsg)
    call say(rank, stat, errmsg)
  case ('length')
    call torch_mpi_same(mpi_comm_world, 'abc'(1:merge(2, 3, rank == n - 1)), stat, errmsg)
    call say(rank, stat, errmsg)
  case ('halves')  ! a failure among the odd ranks is no matter of the even ones
    call halves()
  case ('stops')
    call torch_mpi_same(mpi_comm_world, merge('abd', 'abc', rank == n - 1))
    call say(rank, stat, 'went on')
  case ('handled')
    call torch_set_error_handler(note)
    call torch_mpi_same(mpi_comm_world, merge('abd', 'abc', rank == n - 1))
    call say(rank, stat, 'went on')
  case ('abort_together')
    call torch_mpi_abort_handler(mpi_comm_world)
    call torch_mpi_same(mpi_comm_world, merge('abd', 'abc', rank == n - 1))
    call say(rank, stat, 'went on')
  case ('abort_alone')
    call alone()
  case ('abort_late')
    call torch_mpi_abort_handler(mpi_comm_world)
    call finish()
    call fail()
  case ('handler_null')
    call torch_mpi_abort_handler(mpi_comm_null, stat, errmsg)
    call say(rank, stat, errmsg)
  case ('null')
    call all_of_them(mpi_comm_null)
  case ('freed')
    call freed()
  case ('nonsense')
    call all_of_them(123456789)
  case ('inter')
    call all_of_them(between_halves())
  case ('after')
    call finish()
    call torch_mpi_same(mpi_comm_world, 'x', stat, errmsg)
    call say(rank, stat, errmsg)
    stop
  case ('unit')
    call torch_mpi_report(mpi_comm_world, -77, stat, errmsg)
    call say(rank, stat, errmsg)
  case ('wanted')
    call wanted()
  case default
    error stop 'no such scenario'
  end select
  call finish()

contains

  subroutine halves()
    integer :: half
    half = split(mpi_comm_world, modulo(rank, 2))
    call torch_mpi_same(half, merge('abd', 'abc', rank == n - 1), stat, errmsg)
    call say(rank, stat, errmsg)
    call free(half)
  end subroutine halves

  subroutine alone()
    ! The others wait for a rank that never comes.
    call torch_mpi_abort_handler(mpi_comm_world)
    if (rank == n - 1) call fail()
    call wait(mpi_comm_world)
    call say(rank, stat, 'went on')
  end subroutine alone

  subroutine fail()
    type(torch_model) :: model
    call torch_model_load(model, 'missing.pt')
  end subroutine fail

  subroutine freed()
    integer :: comm
    comm = duplicate(mpi_comm_world)
    call free(comm)
    call all_of_them(comm)
  end subroutine freed

  subroutine wanted()
    integer(ftorch_int) :: device_type, device_index
    call torch_mpi_device(mpi_comm_world, device_type, device_index, 99, stat, errmsg)
    call say(rank, stat, errmsg)
  end subroutine wanted

  subroutine all_of_them(comm)
    ! Every procedure refuses the communicator alike.
    integer, intent(in) :: comm
    integer(ftorch_int) :: device_type, device_index
    type(torch_model) :: model
    type(torch_trainer) :: trainer
    type(torch_column_pool) :: pool
    call torch_mpi_same(comm, 'x', stat, errmsg)
    call say(rank, stat, errmsg)
    call torch_mpi_device(comm, device_type, device_index, stat=stat, errmsg=errmsg)
    call say(rank, stat, errmsg)
    call torch_mpi_share_cores(comm, stat=stat, errmsg=errmsg)
    call say(rank, stat, errmsg)
    call torch_mpi_report(comm, stat=stat, errmsg=errmsg)
    call say(rank, stat, errmsg)
    call torch_mpi_model_load(model, 'missing.pt', comm, stat=stat, errmsg=errmsg)
    call say(rank, stat, errmsg)
    call torch_mpi_trainer_load(trainer, 'missing.pt2', comm, stat=stat, errmsg=errmsg)
    call say(rank, stat, errmsg)
    call torch_column_pool_create(pool, model, comm, stat=stat, errmsg=errmsg)
    call say(rank, stat, errmsg)
    call torch_mpi_trainer_average(trainer, comm, 1, stat=stat, errmsg=errmsg)
    call say(rank, stat, errmsg)
  end subroutine all_of_them

end program errors
