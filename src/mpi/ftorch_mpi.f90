module ftorch_mpi
  !! PyTorch networks in programs of many ranks. `use ftorch_mpi` beside `use ftorch`.
  !!
  !! Every procedure takes any communicator of one group, as the integer of `use mpi` or, where the compiler reads the module, as
  !! `type(MPI_Comm)` of `use mpi_f08`. A failure on one rank is the same failure on all: the same `stat`, and an `errmsg` that
  !! begins with the rank. Without `stat` the job ends with that message.
  use :: ftorch_mpi_average
  use :: ftorch_mpi_devices
  use :: ftorch_mpi_gradient_average
  use :: ftorch_mpi_handler
  use :: ftorch_mpi_load
  use :: ftorch_mpi_pool
  use :: ftorch_mpi_report
  use :: ftorch_mpi_same
  use :: ftorch_mpi_threads
  use :: ftorch_mpi_timeout
  use :: ftorch_mpi_trainer_average
  implicit none (type, external)
  public
end module ftorch_mpi
