!> The same training in one call a step: `train_compiled train.pt2 run.nml`.
!>
!> Forward, loss, backward, clipping, optimizer and schedule were compiled into train.pt2 before (network.py). The program loads
!> it and steps; what it learned goes into a model that computes in the time loop.
program train_compiled
   use, intrinsic :: iso_fortran_env, only: real32, real64
   use ftorch
   use lorenz96, only: advance, n_fast, n_slow
   use unresolved_scales, only: argument, begin, judge, n_inputs, n_samples, read_run, remember, write_history
   implicit none (type, external)

   call run()

contains

   subroutine run()
      type(torch_config) :: config
      type(torch_trainer) :: trainer
      type(torch_model) :: model
      type(torch_batches) :: batches
      type(torch_report) :: report
      type(torch_tensor) :: inputs(1), targets(1)
      real(real64) :: slow(n_slow), fast(n_fast * n_slow), loss
      real(real32), allocatable, target :: x(:, :), y(:, :)
      real(real64), allocatable :: history(:)
      integer :: step, n_steps, unused(2)

      call torch_set_num_threads(1)                                              ! so small a network has no work for two
      call read_run(n_steps, unused(1), unused(2))
      call torch_config_read(config, argument(2))                                ! batch size, seed; the rest is compiled in
      call trainer%load(argument(1))
      call torch_batches_create(batches, n_samples, config%batch_size, seed=config%seed)

      allocate (x(n_inputs, n_samples), y(1, n_samples), history(n_steps))
      call begin(slow, fast, x, y)
      do step = 1, n_steps
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
      end do

      call write_history('loss_compiled.csv', history)
      call trainer%save('trained.state')                                         ! to go on later: trainer%restore
      call torch_model_load(model, argument(1))                                  ! the network itself is in the same file
      call model%take_weights(trainer)
      call judge(model, slow, fast)
   end subroutine run

end program train_compiled
