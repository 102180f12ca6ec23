!> The host trains a network through its own time loop: `stability_learn run.nml`.
!>
!> It runs with its own scheme and keeps what it does. Then it starts from there again and again, on tensors, with the network in
!> place of the scheme, for as many steps as `unrolled` says; the loss is how far it is off after each of them, and its derivatives
!> run back through all steps, those of the host and those of the network.
program learn
   use, intrinsic :: ieee_arithmetic, only: ieee_is_finite
   use, intrinsic :: iso_fortran_env, only: error_unit, int64, output_unit, real64
   use draws, only: draw
   use ftorch
   use history, only: history_file
   use ring, only: array_advance => advance, disturb, dt, kept, set_ring
   use ring_tensors, only: advance
   implicit none (type, external)

   integer, parameter :: most_stages = 10

   ! What the namelist can say.
   character(len=256) :: network = '', package = '', trained = 'trained', output = 'learn.nc'
   character(len=256) :: compiled = ''      !< a training step with the time loop in it, beside which the loop here is put
   character(len=32) :: title = 'training'
   integer :: cells = 24, members = 48, batch = 64, seed = 1
   real(real64) :: length = 24, spin_up = 100, kept_time = 200   !< of the runs to learn from
   integer :: unrolled(most_stages) = 0    !< time steps in a loss, stage by stage; zeros are no stages
   integer :: updates = 1000               !< of the weights, in all
   real(real64) :: noise = 0               !< deviation of what is added to the state that a forecast starts from
   real(real64) :: learning_rate = 1.0e-2_real64
   namelist /run/ network, package, compiled, trained, output, title, cells, members, batch, seed, length, spin_up, kept_time, &
      unrolled, updates, noise, learning_rate

   call run_all()

contains

   subroutine run_all()
      real(real64), allocatable :: truth(:, :, :), losses(:)
      type(torch_model) :: model
      real(real64), allocatable :: unseen(:, :, :)
      real(real64) :: loop_off, derivative_off, compiled_off, times_as_fast
      call read_namelist()
      call torch_set_num_threads(1)                        ! so small a network has no work for two
      call set_ring(cells, length, dt)
      call make_truth(seed, kept_time, truth)
      call make_truth(seed + 1000, kept_time / 10, unseen)
      call compare_trainings(truth, compiled_off, times_as_fast)
      call torch_model_load(model, trim(network), requires_grad=.true., is_training=.true.)
      call train(model, truth, losses)
      call compare_loops(model, truth, loop_off, derivative_off)
      call save(model)
      call write_history(losses, offline_score(model, unseen), loop_off, derivative_off, compiled_off, times_as_fast)
   end subroutine run_all

   !> The host with its own scheme, from random states that have found its climate.
   subroutine make_truth(first_random_state, time, truth)
      integer, intent(in) :: first_random_state
      real(real64), intent(in) :: time
      real(real64), allocatable, intent(out) :: truth(:, :, :)
      real(real64) :: u(cells, members), none(cells, members), random_state
      integer :: step
      random_state = first_random_state
      u = 0
      none = 0
      call disturb(u, 1.0_real64, random_state)
      do step = 1, nint(spin_up / dt)
         call array_advance(u, 1.0_real64, none)
      end do
      allocate (truth(cells, members, nint(time / dt)))
      do step = 1, size(truth, 3)
         truth(:, :, step) = u
         call array_advance(u, 1.0_real64, none)
      end do
   end subroutine make_truth

   subroutine train(model, truth, losses)
      type(torch_model), intent(in) :: model
      real(real64), intent(in) :: truth(:, :, :)
      real(real64), allocatable, intent(out) :: losses(:)
      type(torch_optim) :: optim
      type(torch_schedule) :: schedule
      type(torch_report) :: report
      type(torch_tensor) :: loss
      real(real64), allocatable :: samples(:, :, :)
      real(real64) :: random_state, norm
      integer :: update
      call torch_optim_Adam(optim, model)
      call torch_schedule_one_cycle(schedule, optim, learning_rate, updates, cycle_momentum=.false.)
      allocate (losses(updates))
      random_state = seed
      do update = 1, updates
         call draw_samples(truth, steps_in(update), random_state, samples)
         if (noise > 0) call disturb(samples(:, :, 1), noise, random_state)
         call optim%zero_grad()
         call forecast_loss(model, samples, loss)
         call torch_tensor_backward(loss)
         call torch_clip_grad_norm(model, 1.0_real64, norm)
         if (ieee_is_finite(norm)) call optim%step()       ! a forecast that blew up teaches nothing
         call schedule%step()
         call report%add(loss, optim)
         losses(update) = report%loss
         if (mod(update, max(1, updates / 10)) == 0) then
            write (output_unit, '(4a)') '  ', trim(title), ': ', report%line()
            flush (output_unit)
         end if
      end do
   end subroutine train

   !> How many steps the loss of an update sees: the stages are equally long.
   integer function steps_in(update)
      integer, intent(in) :: update
      integer :: stages
      stages = count(unrolled > 0)
      steps_in = unrolled(1 + (update - 1) * stages / updates)
   end function steps_in

   !> samples(:, :, 1) are states of the truth, drawn at random, samples(:, :, 1 + i) what came i steps later. Each is turned by as
   !> many cells as chance will have it: the ring has no place that is different.
   subroutine draw_samples(truth, steps, random_state, samples)
      real(real64), intent(in) :: truth(:, :, :)
      integer, intent(in) :: steps
      real(real64), intent(inout) :: random_state
      real(real64), allocatable, intent(inout) :: samples(:, :, :)
      integer :: i, member, first, turn
      if (allocated(samples)) then
         if (size(samples, 3) /= steps + 1) deallocate (samples)
      end if
      if (.not. allocated(samples)) allocate (samples(cells, batch, steps + 1))
      do i = 1, batch
         member = whole(size(truth, 2), random_state)
         first = whole(size(truth, 3) - steps, random_state)
         turn = whole(cells, random_state)
         samples(:, i, :) = cshift(truth(:, member, first:first + steps), turn, 1)
      end do
   end subroutine draw_samples

   !> A whole number from 1 to the largest.
   integer function whole(largest, random_state)
      integer, intent(in) :: largest
      real(real64), intent(inout) :: random_state
      real(real64) :: number
      call draw(random_state, number)
      whole = min(largest, 1 + int(largest * (number + 1) / 2))
   end function whole

   !> THE loop: the host steps with the network, on tensors. The mean squared error after each step, per unit of time.
   subroutine forecast_loss(model, samples, loss)
      type(torch_model), intent(in) :: model
      real(real64), intent(in), target :: samples(:, :, :)
      type(torch_tensor), intent(inout) :: loss
      type(torch_tensor) :: state(1), flux(1), u, truth, error
      integer :: step, steps
      steps = size(samples, 3) - 1
      call torch_tensor_from_array(truth, samples(:, :, 1), permute_dims=[2, 1])
      u = torch_clone(truth)
      do step = 1, steps
         state(1) = u
         call model%forward(state, flux, requires_grad=.true.)
         call advance(u, kept, flux(1))
         call torch_tensor_from_array(truth, samples(:, :, step + 1), permute_dims=[2, 1])
         call torch_loss_mse(error, u, truth)
         if (step == 1) then
            loss = error / (steps * dt**2)
         else
            loss = loss + error / (steps * dt**2)
         end if
      end do
   end subroutine forecast_loss

   !> The same forecasts by the arrays of the host: what main.f90 does.
   real(real64) function array_loss(model, samples)
      type(torch_model), intent(in) :: model
      real(real64), intent(in) :: samples(:, :, :)
      real(real64), target :: u(size(samples, 1), size(samples, 2)), flux(size(samples, 1), size(samples, 2))
      integer :: step, steps
      steps = size(samples, 3) - 1
      u = samples(:, :, 1)
      array_loss = 0
      do step = 1, steps
         call model%infer(u, flux, permute_dims=[2, 1], output_permute_dims=[2, 1])
         call array_advance(u, kept, flux)
         array_loss = array_loss + sum((u - samples(:, :, step + 1))**2) / size(u) / (steps * dt**2)
      end do
   end function array_loss

   !> The share of the variance of what the scheme does in a step that the network explains, in states that nobody has seen.
   real(real64) function offline_score(model, truth)
      type(torch_model), intent(in) :: model
      real(real64), intent(in), target :: truth(:, :, :)
      real(real64), target :: flux(cells, members)
      real(real64) :: without(cells, members), with(cells, members), none(cells, members), squares, errors
      integer :: step
      none = 0
      squares = 0
      errors = 0
      do step = 1, size(truth, 3) - 1
         call model%infer(truth(:, :, step), flux, permute_dims=[2, 1], output_permute_dims=[2, 1])
         without = truth(:, :, step)
         with = truth(:, :, step)
         call array_advance(without, kept, none)
         call array_advance(with, kept, flux)
         squares = squares + sum((truth(:, :, step + 1) - without)**2)   ! the mean is zero: no flux makes any u
         errors = errors + sum((truth(:, :, step + 1) - with)**2)
      end do
      offline_score = 1 - errors / squares
   end function offline_score

   !> Is the loop that trains the loop that runs? Their losses, and the derivative with respect to all weights, moved in the
   !> direction of the gradient, against a difference of two losses of the array loop. Relative to the values.
   subroutine compare_loops(model, truth, loop_off, derivative_off)
      type(torch_model), intent(in) :: model
      real(real64), intent(in) :: truth(:, :, :)
      real(real64), intent(out) :: loop_off, derivative_off
      integer, parameter :: steps = 10
      real(real64), parameter :: little = 1.0e-6_real64
      type(torch_tensor) :: loss
      type(torch_optim) :: forget
      real(real64), allocatable :: samples(:, :, :), gradient(:), direction(:)
      real(real64), allocatable, target :: weights(:)
      real(real64) :: random_state, there, value, ahead, behind
      random_state = seed + 1
      call draw_samples(truth, steps, random_state, samples)
      allocate (weights(torch_model_flat_size(model)), gradient(torch_model_flat_size(model)))
      call torch_optim_SGD(forget, model)
      call forget%zero_grad()
      call forecast_loss(model, samples, loss)
      call torch_tensor_backward(loss)
      call torch_model_flatten(model, weights)
      call torch_model_flatten_gradients(model, gradient)
      call torch_tensor_item(loss, value)
      direction = gradient / norm2(gradient)
      there = array_loss(model, samples)
      call torch_model_unflatten(model, weights + little * direction)
      ahead = array_loss(model, samples)
      call torch_model_unflatten(model, weights - little * direction)
      behind = array_loss(model, samples)
      call torch_model_unflatten(model, weights)
      loop_off = abs(value / there - 1)
      derivative_off = abs((ahead - behind) / (2 * little) / norm2(gradient) - 1)
   end subroutine compare_loops

   !> The loop on tensors beside a training step that is compiled with the loop in it (ring_step.py): both begin with the same
   !> weights and see the same samples. By how much their losses differ, and how many times as fast the compiled one is: the
   !> fastest update of each, since others wait for other programs.
   subroutine compare_trainings(truth, losses_off, times_as_fast)
      real(real64), intent(in) :: truth(:, :, :)
      real(real64), intent(out) :: losses_off, times_as_fast
      integer, parameter :: steps = 2, compared = 20
      type(torch_model) :: model
      type(torch_trainer) :: trainer
      type(torch_optim) :: optim
      real(real64), allocatable, target :: samples(:, :, :)
      real(real64) :: random_state, one, other
      integer(int64) :: began, between, ended, fastest(2)
      integer :: update
      losses_off = 0
      times_as_fast = 0
      if (compiled == '') return
      call torch_model_load(model, trim(network), requires_grad=.true., is_training=.true.)
      call torch_optim_Adam(optim, model)
      call trainer%load(trim(compiled))
      random_state = seed + 2
      fastest = huge(fastest)
      do update = 1, compared
         call draw_samples(truth, steps, random_state, samples)
         call system_clock(began)
         call take_step(model, optim, samples, one)
         call system_clock(between)
         call trainer%step(samples(:, :, 1), samples(:, :, 2:), other, permute_dims=[2, 1], target_permute_dims=[2, 3, 1])
         call system_clock(ended)
         losses_off = max(losses_off, abs(other / one - 1))
         fastest = min(fastest, [between - began, ended - between])
      end do
      times_as_fast = real(fastest(1), real64) / max(fastest(2), 1_int64)
   end subroutine compare_trainings

   !> An update on tensors.
   subroutine take_step(model, optim, samples, value)
      type(torch_model), intent(in) :: model
      type(torch_optim), intent(in) :: optim
      real(real64), intent(in) :: samples(:, :, :)
      real(real64), intent(out) :: value
      type(torch_tensor) :: loss
      real(real64) :: norm
      call optim%zero_grad()
      call forecast_loss(model, samples, loss)
      call torch_tensor_backward(loss)
      call torch_clip_grad_norm(model, 1.0_real64, norm)
      call optim%step()
      call torch_tensor_item(loss, value)
   end subroutine take_step

   !> As TorchScript, which was trained; and the same weights as a compiled package, where one is given to hold them.
   subroutine save(model)
      type(torch_model), intent(in) :: model
      type(torch_model) :: compiled
      real(real64), allocatable, target :: weights(:)
      call model%save(trim(trained)//'.pt')
      allocate (weights(torch_model_flat_size(model)))
      call torch_model_flatten(model, weights)
      if (package == '') return
      call torch_model_load(compiled, trim(package))
      call torch_model_unflatten(compiled, weights)
      call compiled%save(trim(trained)//'.pt2')
   end subroutine save

   subroutine write_history(losses, score, loop_off, derivative_off, compiled_off, times_as_fast)
      real(real64), intent(in) :: losses(:), score, loop_off, derivative_off, compiled_off, times_as_fast
      type(history_file) :: out
      integer :: update
      call out%create(trim(output), 'Training of '//trim(title))
      call out%variable('loss', '1', 'mean squared error of forecasts, per unit of time')
      call out%variable('score', '1', 'share of the variance of what the scheme does in a step that the network explains')
      call out%variable('loop_off', '1', 'loss of the loop on tensors beside that on arrays, less 1')
      call out%variable('derivative_off', '1', 'derivative through the loop beside a difference of losses, less 1')
      call out%variable('compiled_off', '1', 'loss of a compiled training step beside that on tensors, less 1')
      call out%variable('times_as_fast', '1', 'time of an update on tensors beside that of a compiled one; 0: not compared')
      do update = 1, size(losses)
         call out%record(real(update, real64))
         call out%put('loss', losses(update))
         call out%put('score', score)
         call out%put('loop_off', loop_off)
         call out%put('derivative_off', derivative_off)
         call out%put('compiled_off', compiled_off)
         call out%put('times_as_fast', times_as_fast)
      end do
      call out%close()
   end subroutine write_history

   subroutine read_namelist()
      character(len=256) :: path, message
      integer :: unit, status
      call get_command_argument(1, path)
      if (path == '') error stop 'usage: stability_learn run.nml'
      open (newunit=unit, file=path, status='old', action='read', iostat=status, iomsg=message)
      if (status == 0) read (unit, nml=run, iostat=status, iomsg=message)
      if (status == 0) close (unit)
      if (status == 0 .and. unrolled(1) < 1) then
         status = 1
         message = 'unrolled says of no stage how many time steps it has'
      end if
      if (status == 0 .and. maxval(unrolled) >= nint(kept_time / dt)) then
         status = 1
         write (message, '(2(a, i0))') 'unrolled has ', maxval(unrolled), ' steps, and kept_time keeps ', nint(kept_time / dt)
      end if
      if (status /= 0) then
         write (error_unit, '(4a)') 'stability_learn: ', trim(path), ': ', trim(message)
         stop 1, quiet=.true.
      end if
   end subroutine read_namelist

end program learn
