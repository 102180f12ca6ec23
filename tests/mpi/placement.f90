program placement
  ! Devices, cores and the report; the argument is the scenario.
  use ftorch
  use ftorch_mpi
  use job
  implicit none (type, external)
  integer :: rank, cores, half
  integer(ftorch_int) :: device_type, device_index
  character(len=32) :: scenario
  character(len=80) :: line
  call get_command_argument(1, scenario)
  call start()
  rank = my_rank(mpi_comm_world)
  cores = -1
  select case (scenario)
  case ('device')
    call torch_mpi_device(mpi_comm_world, device_type, device_index)
    call say_device()
  case ('cuda')
    call torch_mpi_device(mpi_comm_world, device_type, device_index, wanted=torch_kCUDA)
    call say_device()
  case ('device_self')
    call torch_mpi_device(mpi_comm_self, device_type, device_index)
    call say_device()
  case ('device_reversed')  ! the rank in the communicator that is given, not the global one
    half = split(mpi_comm_world, modulo(rank, 2))
    call torch_mpi_device(half, device_type, device_index)
    call say_device()
  case ('cores')
    call torch_mpi_share_cores(mpi_comm_world, cores)
    write (line, '(i0, a, i0)') cores, ' cores, threads ', torch_get_num_threads()
    call say(rank, 0, line)
  case ('cores_said')
    call torch_mpi_share_cores(mpi_comm_world)
    call torch_set_num_threads(3)
    call torch_mpi_share_cores(mpi_comm_world)
    write (line, '(a, i0)') 'threads ', torch_get_num_threads()
    call say(rank, 0, line)
  case ('report')
    call torch_mpi_report(mpi_comm_world)
  case ('report_unit')
    call report_into_a_file()
  case default
    error stop 'no such scenario'
  end select
  call finish()

contains

  subroutine say_device()
    write (line, '(i0, a, i0)') device_type, ' ', device_index
    call say(rank, 0, line)
  end subroutine say_device

  subroutine report_into_a_file()
    ! Only rank 0 has one.
    integer :: unit
    unit = -1
    if (rank == 0) open (newunit=unit, file='report.txt', status='replace', action='write')
    call torch_mpi_share_cores(mpi_comm_world)
    call torch_mpi_report(mpi_comm_world, unit)
    if (rank == 0) close (unit)
  end subroutine report_into_a_file

end program placement
