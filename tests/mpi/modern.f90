program modern
  ! Communicators of mpi_f08, for every procedure.
  use mpi_f08, only: mpi_comm, mpi_comm_null, mpi_comm_rank, mpi_comm_world, mpi_finalize, mpi_init, operator(==)
  use ftorch
  use ftorch_mpi
  implicit none (type, external)
  integer :: rank, stat, cores
  integer(ftorch_int) :: device_type, device_index
  character(len=120) :: errmsg
  call mpi_init()
  call mpi_comm_rank(mpi_comm_world, rank)
  errmsg = ''
  call torch_mpi_abort_handler(mpi_comm_world)
  call torch_mpi_share_cores(mpi_comm_world, cores)
  call torch_mpi_device(mpi_comm_world, device_type, device_index)
  if (device_type /= torch_kCPU) error stop 'a device'
  call torch_mpi_report(mpi_comm_world, stat=stat)
  if (stat /= torch_success) error stop 'no report'
  call torch_mpi_same(mpi_comm_null, 'x', stat, errmsg)
  if (index(errmsg, 'MPI_COMM_NULL') == 0) error stop 'not refused'
  call torch_mpi_same(mpi_comm_world, merge('a', 'b', rank == 0), stat, errmsg)
  print '(i0, a, i0, 2a)', rank, '|', stat, '|', trim(errmsg)
  call mpi_finalize()
end program modern
