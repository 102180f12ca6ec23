program resumable
  !! A training inside a time-stepping program, made to be killed: dropout, batch normalization, random batches, an optimizer with
  !! memory, a schedule, and a state of the program's own that the network moves on. `resumable CHECKPOINT STEPS EVERY` goes on from
  !! the checkpoint if there is one and prints all numbers at the end.
  use, intrinsic :: iso_fortran_env, only: output_unit, real32, real64
  use :: ftorch
  implicit none (type, external)
  character(len=200) :: checkpoint, word
  integer :: steps, every
  call get_command_argument(1, checkpoint)
  call get_command_argument(2, word)
  read (word, *) steps
  call get_command_argument(3, word)
  read (word, *) every
  call run()
  write (*, '(a, 1x, i0)') 'live', torch_live_handles()

contains

  subroutine run()
    type(torch_model) :: model
    type(torch_optim) :: optim
    type(torch_schedule) :: schedule
    type(torch_tensor) :: inputs(1), outputs(1), loss, mine(2)
    real(real32), target :: field(4, 5), tendency(4, 3), loss_mean(1), last
    real(real32), allocatable :: weights(:)
    integer :: step, done
    logical :: found
    call torch_model_load(model, 'dropping.pt', requires_grad=.true.)
    call torch_optim_adam(optim, model, learning_rate=1e-2_real64)
    call torch_schedule_exponential(schedule, optim, gamma=0.999_real64)
    call torch_manual_seed(7)
    field = 1
    loss_mean = 0
    call torch_tensor_from_array(mine(1), field)
    call torch_tensor_from_array(mine(2), loss_mean)
    done = 0
    inquire (file=checkpoint, exist=found)
    if (found) call torch_checkpoint_load(checkpoint, model, optim, schedule, done, mine)
    write (*, '(a, 1x, i0)') 'after', done
    flush (output_unit)
    do step = done + 1, steps
      call model%train()
      call optim%zero_grad()
      inputs(1) = torch_randn([16, 5])
      call model%forward(inputs, outputs, requires_grad=.true.)
      loss = torch_mean((outputs(1) - 0.5) ** 2)
      call torch_tensor_backward(loss)
      call optim%step()
      call schedule%step()
      call torch_tensor_item(loss, last)
      loss_mean = 0.9 * loss_mean + 0.1 * last
      call model%eval()
      call model%infer(field, tendency)
      field(:, 1:3) = field(:, 1:3) + 0.1 * tendency
      field = cshift(0.99 * field, 1, dim=2)
      if (mod(step, every) == 0) call torch_checkpoint_save(checkpoint, model, optim, schedule, step, mine)
    end do
    allocate (weights(torch_model_flat_size(model)))
    call torch_model_flatten(model, weights)
    write (*, '(a, *(1x, z8.8))') 'weights', weights
    write (*, '(a, *(1x, z8.8))') 'field', field, loss_mean
    write (*, '(a, 1x, z16.16)') 'rate', optim%get_learning_rate()
  end subroutine run

end program resumable
