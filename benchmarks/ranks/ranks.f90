program ranks
  ! What ranks do together, against MPI's own calls, in turns: `ranks CASE`, a namelist. Rank 0 answers each line of standard input,
  ! the contestants in their order, with the nanoseconds of each.
  use, intrinsic :: iso_c_binding, only: c_int, c_long
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: mpi
  use :: ftorch
  use :: ftorch_mpi
  implicit none (type, external)
  character(len=256) :: file, model_file
  character(len=16) :: kind, names(2)
  integer :: n_in, n_out, batch, rank, n, ierror, order(2), k, ios, repeats(2)
  real(real64) :: block_us, nanoseconds(2)
  real(real32) :: loss
  type(torch_model) :: model
  type(torch_column_pool) :: pool
  type(torch_optim) :: optim
  type(torch_trainer) :: trainer
  type(torch_gradient_average) :: early
  real(real32), allocatable, target :: x(:, :), y(:, :), all_x(:, :), all_y(:, :)
  real(real32), allocatable :: gradients(:)
  namelist /case/ kind, model_file, n_in, n_out, batch, block_us

  type, bind(C) :: timespec
    integer(c_long) :: seconds, nanoseconds
  end type timespec
  interface
    integer(c_int) function nanosleep(wanted, left) bind(C)
      import :: c_int, timespec
      type(timespec), intent(in) :: wanted
      type(timespec), intent(out) :: left
    end function nanosleep
  end interface

  call MPI_Init(ierror)
  call MPI_Comm_rank(MPI_COMM_WORLD, rank, ierror)
  call MPI_Comm_size(MPI_COMM_WORLD, n, ierror)
  call torch_mpi_abort_handler(MPI_COMM_WORLD)
  call get_command_argument(1, file)
  open (10, file=file, action='read')
  read (10, nml=case)
  close (10)
  allocate (x(n_in, batch), y(n_out, batch))
  call random_number(x)
  if (kind == 'load' .or. kind == 'load_alone') then
    call load()
    call MPI_Finalize(ierror)
    stop
  end if
  if (kind == 'compiled') then
    call torch_mpi_trainer_load(trainer, model_file, MPI_COMM_WORLD)
  else
    call torch_model_load(model, model_file, requires_grad=kind /= 'pool', is_training=kind /= 'pool')
  end if
  select case (kind)
  case ('pool')
    names = [character(len=16) :: 'pool', 'bare']
    allocate (all_x(n_in, n * batch), all_y(n_out, n * batch))
    call torch_column_pool_create(pool, model, MPI_COMM_WORLD)
  case ('average')
    names = [character(len=16) :: 'average', 'allreduce']
    call differentiate()
    allocate (gradients(torch_model_flat_size(model)))
    gradients = 0
  case ('compiled')
    names = [character(len=16) :: 'halves', 'whole']
    call random_number(y)
  case default
    names = [character(len=16) :: merge('early', 'ranks', kind == 'early'), merge('ranks', 'one  ', kind == 'early')]
    call torch_optim_adam(optim, model, learning_rate=1e-4_real64)
  end select
  if (rank == 0) print '(2(a, 1x))', trim(names(1)), trim(names(2))
  if (rank == 0) flush (6)
  repeats = 3
  do k = 1, 2
    nanoseconds(k) = timed(k)
    nanoseconds(k) = timed(k)
  end do
  repeats = max(1, int(block_us * 1000 / nanoseconds))
  call MPI_Bcast(repeats, 2, MPI_INTEGER, 0, MPI_COMM_WORLD, ierror)
  do
    ios = 0
    if (rank == 0) read (*, *, iostat=ios) order
    call MPI_Bcast(ios, 1, MPI_INTEGER, 0, MPI_COMM_WORLD, ierror)
    if (ios /= 0) exit
    call MPI_Bcast(order, 2, MPI_INTEGER, 0, MPI_COMM_WORLD, ierror)
    do k = 1, 2
      nanoseconds(order(k)) = timed(order(k))
    end do
    if (rank == 0) print '(2(f0.1, 1x))', nanoseconds
    if (rank == 0) flush (6)
  end do
  call torch_delete(pool)
  call MPI_Finalize(ierror)

contains

  real(real64) function timed(contestant)
    ! Of one call; a first one is not timed.
    integer, intent(in) :: contestant
    real(real64) :: start
    integer :: i
    start = 0
    do i = 0, repeats(contestant)
      if (i == 1) then
        call MPI_Barrier(MPI_COMM_WORLD, ierror)
        start = MPI_Wtime()
      end if
      select case (names(contestant))
      case ('pool')
        call pool%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
      case ('bare')
        call bare()
      case ('average')
        call torch_mpi_average_gradients(model, MPI_COMM_WORLD, batch)
      case ('allreduce')
        call MPI_Allreduce(MPI_IN_PLACE, gradients, size(gradients), MPI_REAL, MPI_SUM, MPI_COMM_WORLD, ierror)
      case ('early')
        call step_early()
      case ('ranks')
        call step(together=.true.)
      case ('halves')
        call torch_mpi_trainer_step(trainer, x, y, MPI_COMM_WORLD, batch, loss, permute_dims=[2, 1], target_permute_dims=[2, 1])
      case ('whole')
        if (rank == 0) call trainer%step(x, y, loss, permute_dims=[2, 1], target_permute_dims=[2, 1])
      case default
        if (rank == 0) call step(together=.false.)
      end select
    end do
    if (names(contestant) == 'one' .or. names(contestant) == 'whole') call wait_asleep()
    timed = (MPI_Wtime() - start) * 1e9_real64 / repeats(contestant)
  end function timed

  subroutine bare()
    ! What a program would write by hand that has the same number of columns on all ranks.
    integer :: counts(n), starts(n), i
    counts = n_in * batch
    starts = [(n_in * batch * i, i=0, n - 1)]
    call MPI_Gatherv(x, size(x), MPI_REAL, all_x, counts, starts, MPI_REAL, 0, MPI_COMM_WORLD, ierror)
    if (rank == 0) call model%infer(all_x, all_y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    counts = n_out * batch
    starts = [(n_out * batch * i, i=0, n - 1)]
    call MPI_Scatterv(all_y, counts, starts, MPI_REAL, y, size(y), MPI_REAL, 0, MPI_COMM_WORLD, ierror)
  end subroutine bare

  subroutine differentiate()
    type(torch_tensor) :: inputs(1), outputs(1), target, loss
    call torch_tensor_from_array(inputs(1), x, permute_dims=[2, 1])
    call torch_tensor_from_array(target, y, permute_dims=[2, 1])
    call torch_model_forward(model, inputs, outputs, requires_grad=.true.)
    call torch_loss_mse(loss, outputs(1), target)
    call torch_tensor_backward(loss)
  end subroutine differentiate

  subroutine step(together)
    logical, intent(in) :: together
    call optim%zero_grad()
    call differentiate()
    if (together) call torch_mpi_average_gradients(model, MPI_COMM_WORLD, batch)
    call optim%step()
  end subroutine step

  subroutine step_early()
    call optim%zero_grad()
    call early%start(model, MPI_COMM_WORLD, batch)
    call differentiate()
    call early%finish()
    call optim%step()
  end subroutine step_early

  subroutine wait_asleep()
    ! Rank 0 computes alone: the others leave the machine to it, which waiting in MPI would not.
    type(timespec) :: left
    integer :: request
    logical :: done
    call MPI_Ibarrier(MPI_COMM_WORLD, request, ierror)
    do
      call MPI_Test(request, done, MPI_STATUS_IGNORE, ierror)
      if (done) exit
      if (rank > 0) ierror = nanosleep(timespec(0, 200000), left)
    end do
  end subroutine wait_asleep

  subroutine load()
    ! Seconds, and kilobytes of memory that all ranks together need more than before, shared ones counted once.
    real(real64) :: start, seconds
    integer(int64) :: before, more, total
    call torch_model_load(model, trim(file) // '.warm.pt')  ! PyTorch itself, which is not what is measured
    before = proportional()
    call MPI_Barrier(MPI_COMM_WORLD, ierror)
    start = MPI_Wtime()
    if (kind == 'load') then
      call torch_mpi_model_load(model, model_file, MPI_COMM_WORLD)
    else
      call torch_model_load(model, model_file)
    end if
    call MPI_Barrier(MPI_COMM_WORLD, ierror)
    seconds = MPI_Wtime() - start
    more = proportional() - before
    call MPI_Reduce(more, total, 1, MPI_INTEGER8, MPI_SUM, 0, MPI_COMM_WORLD, ierror)
    if (rank == 0) print '(f0.6, 1x, i0)', seconds, total
    call MPI_Barrier(MPI_COMM_WORLD, ierror)
  end subroutine load

  integer(int64) function proportional()
    character(len=80) :: line
    call MPI_Barrier(MPI_COMM_WORLD, ierror)
    proportional = 0
    open (11, file='/proc/self/smaps_rollup', action='read')
    do
      read (11, '(a)', iostat=ios) line
      if (ios /= 0) exit
      if (line(:4) == 'Pss:') read (line(5:index(line, 'kB') - 1), *) proportional
    end do
    close (11)
    call MPI_Barrier(MPI_COMM_WORLD, ierror)
  end function proportional

end program ranks
