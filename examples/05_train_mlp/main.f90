!> A network that learns while the model runs: `train_mlp network.pt run.nml [stop_after]`.
!>
!> In each time step the model hands over samples, and the network takes one step of training on a batch of the recent ones. Every
!> so often all there is to remember goes into a checkpoint. If one is found, the run goes on from there, and ends with the same
!> bits as one that was never stopped.
program train_mlp
   use, intrinsic :: iso_fortran_env, only: real32, real64
   use ftorch
   use lorenz96, only: advance, n_fast, n_slow
   use unresolved_scales, only: argument, begin, judge, n_inputs, n_samples, read_run, remember, write_history
   implicit none (type, external)

   character(len=*), parameter :: checkpoint = 'train_mlp.ckpt'

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
         call begin(slow, fast, x, y)
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

      call write_history('loss.csv', history)
      call torch_model_save(model, 'trained.pt')
      call judge(model, slow, fast)
   end subroutine run

end program train_mlp
