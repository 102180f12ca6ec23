!> One network that learns from many models at once: `mpirun -n 4 train_ensemble network.pt run.nml [stop_after]`.
!>
!> Each rank steps a model of its own through another stretch of the same climate. The gradients of all ranks are averaged, so that
!> all take the same step, and the network sees n times as many samples. A run that was stopped goes on with any number of ranks.
program train_ensemble
   use, intrinsic :: iso_fortran_env, only: real32, real64
   use mpi_f08
   use ftorch
   use ftorch_mpi
   use lorenz96, only: advance, n_fast, n_slow
   use unresolved_scales, only: argument, begin, judge, n_inputs, n_samples, read_run, remember, write_history
   implicit none (type, external)

   character(len=*), parameter :: checkpoint = 'train_ensemble.ckpt'

   call MPI_Init()
   call torch_mpi_abort_handler(MPI_COMM_WORLD)                                  ! a failure of one rank ends all of them
   call run(MPI_COMM_WORLD)
   call MPI_Finalize()

contains

   subroutine run(comm)
      type(MPI_Comm), intent(in) :: comm
      type(torch_config) :: config
      type(torch_model) :: model
      type(torch_optim) :: optim
      type(torch_schedule) :: schedule
      type(torch_batches) :: batches
      type(torch_report) :: report
      type(torch_tensor) :: inputs(1), outputs(1), target, loss
      real(real64) :: slow(n_slow), fast(n_fast * n_slow)
      real(real32), allocatable, target :: x(:, :), y(:, :)
      real(real64), allocatable :: history(:)
      real(real32), allocatable :: weights(:)
      integer :: rank, n_ranks, step, first, n_steps, checkpoint_every, stop_after
      logical :: resumed

      call MPI_Comm_rank(comm, rank)
      call MPI_Comm_size(comm, n_ranks)
      call torch_set_num_threads(1)
      call read_run(n_steps, checkpoint_every, stop_after)
      call torch_config_read(config, argument(2))
      call torch_mpi_model_load(model, argument(1), comm, requires_grad=.true., is_training=.true.)
      call config%make_optim(optim, model)
      call config%make_schedule(schedule, optim)
      call torch_batches_create(batches, n_samples, config%batch_size, seed=config%seed)
      allocate (x(n_inputs, n_samples), y(1, n_samples), history(n_steps))
      history = 0

      ! What all have learned is in one file, which every rank reads; each finds its own climate again.
      first = 0
      inquire (file=checkpoint, exist=resumed)
      if (resumed) call torch_checkpoint_load(checkpoint, model, optim, schedule, first)
      if (resumed .and. rank == 0) print '(a, i0, a, i0, a)', 'resumed after step ', first, ' on ', n_ranks, ' ranks'
      call begin(slow, fast, x, y, skip=2000 * rank)
      report%step = first

      do step = first + 1, n_steps
         call advance(slow, fast)
         call remember(step, slow, fast, x, y)

         if (.not. batches%next(endless=.true.)) error stop 'train_ensemble: there are no batches'
         call batches%take(x, inputs(1), permute_dims=[2, 1])
         call batches%take(y, target, permute_dims=[2, 1])
         call optim%zero_grad()
         call torch_model_forward(model, inputs, outputs, requires_grad=.true.)
         call torch_loss_mse(loss, outputs(1), target)
         call torch_tensor_backward(loss)
         call torch_mpi_average_gradients(model, comm, samples=batches%sample_count())
         call config%clip(model)                                                 ! the gradient of all samples
         call optim%step()
         call schedule%step()

         call report%add(loss, optim)
         if (rank == 0) call report%print(every=config%report_every)
         history(step) = report%loss
         if (rank == 0 .and. mod(step, checkpoint_every) == 0) call torch_checkpoint_save(checkpoint, model, optim, schedule, step)
         if (step == stop_after) exit
      end do

      allocate (weights(torch_model_flat_size(model)))
      call torch_model_flatten(model, weights)
      call torch_mpi_same(comm, bits(weights))                                   ! an error if any rank has other weights
      if (rank == 0 .and. step == stop_after) print '(a, i0)', 'stopped after step ', step
      if (rank > 0 .or. step == stop_after) return
      print '(a, i0, a)', 'the same weights on ', n_ranks, ' ranks'
      call write_history('loss_ensemble.csv', history)
      call judge(model, slow, fast)
   end subroutine run

   !> All numbers, digit by digit.
   function bits(values) result(text)
      real(real32), intent(in) :: values(:)
      character(len=8 * size(values)) :: text
      write (text, '(*(z8.8))') values
   end function bits

end program train_ensemble
