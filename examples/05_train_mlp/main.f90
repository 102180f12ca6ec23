!> A network that learns while the model runs: `train_mlp network.pt run.nml [stop_after]`.
!>
!> In each time step the model hands over samples, and the network takes one step of training on a batch of the recent ones. Every
!> so often all there is to remember goes into a checkpoint. If one is found, the run goes on from there, and ends with the same
!> bits as one that was never stopped.
program train_mlp
   use, intrinsic :: iso_fortran_env, only: error_unit, real32, real64
   use ftorch
   use lorenz96, only: advance, n_fast, n_slow, start, unresolved
   implicit none (type, external)

   character(len=*), parameter :: checkpoint = 'train_mlp.ckpt'
   integer, parameter :: n_inputs = 5            ! a slow variable and two neighbours on each side
   integer, parameter :: n_recent = 512          ! time steps whose samples are kept
   integer, parameter :: n_samples = n_recent * n_slow

   call run()

contains

   subroutine run()
      type(torch_config) :: config
      type(torch_model) :: model
      type(torch_optim) :: optim
      type(torch_schedule) :: schedule
      type(torch_batches) :: batches
      type(torch_report) :: report
      type(torch_tensor) :: inputs(1), outputs(1), target, loss, remembered(6)
      real(real64), target :: slow(n_slow), fast(n_fast * n_slow), position(5)
      real(real32), allocatable, target :: x(:, :), y(:, :)
      real(real64), allocatable, target :: history(:)
      real(real64), allocatable :: state(:)
      integer :: step, first, n_steps, checkpoint_every, stop_after
      logical :: resumed

      call torch_set_num_threads(1)                                              ! so small a network has no work for two
      call read_run(n_steps, checkpoint_every, stop_after)
      call torch_config_read(config, argument(2))                                ! learning rate, schedule, clipping, ...
      call torch_model_load(model, argument(1), requires_grad=.true., is_training=.true.)
      call config%make_optim(optim, model)
      call config%make_schedule(schedule, optim)
      call torch_batches_create(batches, n_samples, config%batch_size, seed=config%seed)

      allocate (x(n_inputs, n_samples), y(1, n_samples), history(n_steps))
      history = 0
      call torch_tensor_from_array(remembered(1), slow)                          ! the tensors are the arrays
      call torch_tensor_from_array(remembered(2), fast)
      call torch_tensor_from_array(remembered(3), x)
      call torch_tensor_from_array(remembered(4), y)
      call torch_tensor_from_array(remembered(5), position)
      call torch_tensor_from_array(remembered(6), history)

      inquire (file=checkpoint, exist=resumed)
      if (resumed) then
         call torch_checkpoint_load(checkpoint, model, optim, schedule, first, remembered)
         call batches%set_state(position)
         print '(a, i0)', 'resumed after step ', first
      else
         first = 0
         call start(slow, fast)
         do step = 1, 4 * n_recent                                               ! the model finds its climate
            call advance(slow, fast)
            call remember(step, slow, fast, x, y)
         end do
      end if
      report%step = first

      do step = first + 1, n_steps
         call advance(slow, fast)
         call remember(step, slow, fast, x, y)

         if (.not. batches%next(endless=.true.)) error stop 'train_mlp: there are no batches'
         call batches%take(x, inputs(1), permute_dims=[2, 1])                    ! rows of samples
         call batches%take(y, target, permute_dims=[2, 1])
         call optim%zero_grad()
         call torch_model_forward(model, inputs, outputs, requires_grad=.true.)
         call torch_loss_mse(loss, outputs(1), target)
         call torch_tensor_backward(loss)
         call config%clip(model)
         call optim%step()
         call schedule%step()

         call report%add(loss, optim)
         call report%print(every=config%report_every)
         history(step) = report%loss
         if (mod(step, checkpoint_every) == 0) then
            call batches%get_state(state)
            position = state
            call torch_checkpoint_save(checkpoint, model, optim, schedule, step, remembered)
         end if
         if (step == stop_after) then
            print '(a, i0)', 'stopped after step ', step
            return
         end if
      end do

      call write_history(history)
      call torch_model_save(model, 'trained.pt')
      call judge(model, slow, fast)
   end subroutine run

   !> Puts the samples of a time step where the oldest were.
   subroutine remember(step, slow, fast, x, y)
      integer, intent(in) :: step
      real(real64), intent(in) :: slow(n_slow), fast(n_fast * n_slow)
      real(real32), intent(inout) :: x(n_inputs, n_samples), y(1, n_samples)
      integer :: first
      first = modulo(step - 1, n_recent) * n_slow + 1
      call samples(slow, fast, x(:, first:first + n_slow - 1), y(:, first:first + n_slow - 1))
   end subroutine remember

   pure subroutine samples(slow, fast, x, y)
      real(real64), intent(in) :: slow(n_slow), fast(n_fast * n_slow)
      real(real32), intent(out) :: x(n_inputs, n_slow), y(1, n_slow)
      integer :: k
      do k = 1, n_inputs
         x(k, :) = real(cshift(slow, k - 3), real32)
      end do
      y(1, :) = real(unresolved(fast), real32)
   end subroutine samples

   !> Does the network know what the fast variables do, in a stretch of time that it has not seen?
   subroutine judge(model, slow, fast)
      type(torch_model), intent(in) :: model
      real(real64), intent(inout) :: slow(n_slow), fast(n_fast * n_slow)
      integer, parameter :: n_unseen = 4000
      real(real32), target :: x(n_inputs, n_slow), y(1, n_slow), predicted(1, n_slow)
      real(real64) :: squares, total, total_squares, variance, explained
      integer :: step
      squares = 0
      total = 0
      total_squares = 0
      do step = 1, n_unseen
         call advance(slow, fast)
         call samples(slow, fast, x, y)
         call model%infer(x, predicted, permute_dims=[2, 1], output_permute_dims=[2, 1])
         squares = squares + sum(real(predicted - y, real64) ** 2)
         total = total + sum(real(y, real64))
         total_squares = total_squares + sum(real(y, real64) ** 2)
      end do
      variance = total_squares / (n_unseen * n_slow) - (total / (n_unseen * n_slow)) ** 2
      explained = 1 - squares / (n_unseen * n_slow) / variance
      print '(a, f5.1, a)', 'the network explains ', 100 * explained, ' % of the variance of the unresolved tendency'
      if (.not. explained > 0.85_real64) error stop 'train_mlp: the network has not learned: less than 85 %'
   end subroutine judge

   subroutine write_history(history)
      real(real64), intent(in) :: history(:)
      integer :: unit, step
      open (newunit=unit, file='loss.csv', action='write', status='replace')
      write (unit, '(a)') 'step,loss'
      write (unit, '(i0, a, es23.16)') (step, ',', history(step), step=1, size(history))
      close (unit)
   end subroutine write_history

   !> The group &run of the namelist file is the program's own.
   subroutine read_run(n_steps, checkpoint_every, stop_after)
      integer, intent(out) :: n_steps, checkpoint_every, stop_after
      integer :: unit, status
      character(len=200) :: message
      character(len=:), allocatable :: word
      namelist /run/ n_steps, checkpoint_every
      if (command_argument_count() < 2) error stop 'usage: train_mlp network.pt run.nml [stop_after]'
      n_steps = 6000
      checkpoint_every = 500
      open (newunit=unit, file=argument(2), status='old', action='read', iostat=status, iomsg=message)
      if (status == 0) read (unit, nml=run, iostat=status, iomsg=message)
      if (status /= 0) then
         write (error_unit, '(4a)') 'train_mlp: ', argument(2), ': ', trim(message)
         stop 1, quiet=.true.
      end if
      close (unit)
      stop_after = 0
      word = argument(3)
      if (len(word) > 0) read (word, *) stop_after
   end subroutine read_run

   function argument(number)
      integer, intent(in) :: number
      character(len=:), allocatable :: argument
      integer :: length
      call get_command_argument(number, length=length)
      allocate (character(len=length) :: argument)
      call get_command_argument(number, argument)
   end function argument

end program train_mlp
