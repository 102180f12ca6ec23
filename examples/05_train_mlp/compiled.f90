!> The same training in one call a step: `train_compiled train.pt2 run.nml [stop_after]`.
!>
!> Forward, loss, backward, clipping, optimizer and schedule were compiled into train.pt2 before (network.py). The program loads
!> it and steps; what it learned goes into a model that computes in the time loop. It can be stopped and goes on like train_mlp.
program train_compiled
   use, intrinsic :: iso_fortran_env, only: real32, real64
   use ftorch
   use lorenz96, only: advance, n_fast, n_slow
   use unresolved_scales, only: argument, begin, judge, n_inputs, n_samples, read_run, remember, write_history
   implicit none (type, external)

   character(len=*), parameter :: checkpoint = 'train_compiled.ckpt'

   call run()

contains

   subroutine run()
      type(torch_config) :: config
      type(torch_trainer) :: trainer
      type(torch_model) :: model
      type(torch_batches) :: batches
      type(torch_report) :: report
      type(torch_tensor) :: inputs(1), targets(1), remembered(6)
      real(real64), target :: slow(n_slow), fast(n_fast * n_slow), position(5)
      real(real64) :: loss
      real(real32), allocatable, target :: x(:, :), y(:, :)
      real(real64), allocatable, target :: history(:)
      real(real64), allocatable :: state(:)
      integer :: step, first, n_steps, checkpoint_every, stop_after
      logical :: resumed

      call torch_set_num_threads(1)                                              ! so small a network has no work for two
      call read_run(n_steps, checkpoint_every, stop_after)
      call torch_config_read(config, argument(2))                                ! batch size, seed; the rest is compiled in
      call trainer%load(argument(1))
      call torch_model_load(model, argument(1))                                  ! the network itself is in the same file
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
         call torch_checkpoint_load(checkpoint, model, step=first, more=remembered)
         call trainer%restore(state_file(first))
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

         if (.not. batches%next(endless=.true.)) error stop 'train_compiled: there are no batches'
         call batches%take(x, inputs(1), permute_dims=[2, 1])                    ! rows of samples
         call batches%take(y, targets(1), permute_dims=[2, 1])
         call trainer%step_tensors(inputs, targets, loss)

         call report%add(loss)
         report%learning_rate = trainer%last_learning_rate()
         call report%print(every=config%report_every)
         history(step) = loss
         if (mod(step, checkpoint_every) == 0) then
            call batches%get_state(state)
            position = state
            ! First the trainer, then the file that says which step counts: killed in between, the pair before is still there.
            call trainer%save(state_file(step))
            call torch_checkpoint_save(checkpoint, model, step=step, more=remembered)
            call remove(state_file(step - checkpoint_every))
         end if
         if (step == stop_after) then
            print '(a, i0)', 'stopped after step ', step
            return
         end if
      end do

      call write_history('loss_compiled.csv', history)
      call model%take_weights(trainer)
      call judge(model, slow, fast)
   end subroutine run

   !> Where the trainer's state after a step lies.
   function state_file(step)
      integer, intent(in) :: step
      character(len=:), allocatable :: state_file
      character(len=12) :: digits
      write (digits, '(i0)') step
      state_file = 'train_compiled.' // trim(digits) // '.state'
   end function state_file

   subroutine remove(filename)
      character(len=*), intent(in) :: filename
      integer :: unit, status
      open (newunit=unit, file=filename, status='old', iostat=status)            ! there may be none
      if (status == 0) close (unit, status='delete')
   end subroutine remove

end program train_compiled
