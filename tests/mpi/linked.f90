program linked
  ! Needs no MPI of its own to be built, and is told that none runs.
  use ftorch
  use ftorch_mpi
  implicit none (type, external)
  integer :: stat
  character(len=80) :: errmsg
  call torch_mpi_same(0, 'x', stat, errmsg)
  if (errmsg == 'torch_mpi_same: MPI has not been started; call MPI_Init before') print '(a)', 'linked'
end program linked
