program averaging
  ! Training on many ranks. `averaging SCENARIO FILE NORMED FEATHER`: perceptrons in real64, one with batch normalization, one in
  ! real32 of which a part is never used.
  use, intrinsic :: ieee_arithmetic, only: ieee_positive_inf, ieee_value
  use, intrinsic :: iso_fortran_env, only: real32, real64
  use ftorch
  use ftorch_mpi
  use job
  implicit none (type, external)
  integer, parameter :: n_in = 5, n_out = 3
  character(len=32) :: scenario
  character(len=256) :: files(3), errmsg
  integer :: rank, n, stat, i
  call get_command_argument(1, scenario)
  do i = 1, 3
    call get_command_argument(i + 1, files(i))
  end do
  call start()
  rank = my_rank(mpi_comm_world)
  n = n_ranks(mpi_comm_world)
  stat = -1
  errmsg = ''
  select case (scenario)
  case ('training')
    call training(24, 2, '')
    call training(25, 3, '')       ! the last batch leaves ranks without a sample
    call training(24, 2, 'clip')
    call training(24, 2, 'twice')  ! gradients of two batches are gathered before each step
  case ('parts')
    call parts()
  case ('broadcast')
    call broadcast()
  case ('refused')
    call refused()
  case default
    error stop 'no such scenario'
  end select
  call say(rank, int(torch_live_handles()), verdict())
  call finish()

contains

  subroutine training(n_samples, batch, how)
    ! Ranks with `batch` samples each end where one rank ends that has all of them.
    integer, intent(in) :: n_samples, batch
    character(len=*), intent(in) :: how
    type(torch_model) :: together, alone
    type(torch_optim) :: optim, optim_alone
    type(torch_batches) :: mine, all_of_them
    real(real64), target :: x(n_in, n_samples), y(n_out, n_samples)
    real(real64), allocatable :: weights(:), expected(:), before(:)
    integer :: j, k, step
    do k = 1, n_samples
      do j = 1, n_in
        x(j, k) = sin(real(j * k, real64))
      end do
      y(:, k) = [x(1, k) * x(2, k), x(3, k), 0.1_real64 * k]
    end do
    call torch_model_load(together, files(1), requires_grad=.true., is_training=.true.)
    call torch_model_load(alone, files(1), requires_grad=.true., is_training=.true.)
    allocate (weights(torch_model_flat_size(alone)), expected(torch_model_flat_size(alone)))
    call torch_model_flatten(alone, weights)
    before = weights
    if (rank /= 0) call torch_model_unflatten(together, weights + rank)
    call torch_mpi_model_broadcast(together, mpi_comm_world)
    call torch_optim_adam(optim, together, learning_rate=0.01_real64, weight_decay=0.01_real64)
    call torch_optim_adam(optim_alone, alone, learning_rate=0.01_real64, weight_decay=0.01_real64)
    call torch_batches_create(mine, n_samples, batch, seed=2, rank=rank, ranks=n)
    call torch_batches_create(all_of_them, n_samples, batch * n, seed=2)
    do step = 1, 60
      if (how /= 'twice' .or. mod(step, 2) == 1) then
        call optim%zero_grad()
        call optim_alone%zero_grad()
      end if
      call differentiate(together, mine, x, y)
      call differentiate(alone, all_of_them, x, y)
      if (how == 'twice' .and. mod(step, 2) == 1) cycle
      ! Of two whole batches the means are added up, as one rank does.
      call torch_mpi_average_gradients(together, mpi_comm_world, merge(batch, mine%sample_count(), how == 'twice'))
      if (how == 'clip') call torch_clip_grad_norm(together, 0.05_real64)
      if (how == 'clip') call torch_clip_grad_norm(alone, 0.05_real64)
      call optim%step()
      call optim_alone%step()
    end do
    call torch_model_flatten(together, weights)
    call torch_model_flatten(alone, expected)
    call torch_mpi_same(mpi_comm_world, bits(weights))
    call must(maxval(abs(weights - expected)) <= 1e-12_real64, how // ' is off by ' // number(maxval(abs(weights - expected))))
    call must(maxval(abs(weights - before)) > 1e-2_real64, 'nothing was learnt')
  end subroutine training

  subroutine differentiate(model, batches, x, y)
    type(torch_model), intent(in) :: model
    type(torch_batches), intent(inout) :: batches
    real(real64), intent(in), target :: x(:, :), y(:, :)
    type(torch_tensor) :: inputs(1), outputs(1), target, loss
    if (.not. batches%next(endless=.true.)) error stop 'there are no batches'
    if (batches%sample_count() == 0) return
    call batches%take(x, inputs(1), permute_dims=[2, 1])
    call batches%take(y, target, permute_dims=[2, 1])
    call torch_model_forward(model, inputs, outputs, requires_grad=.true.)
    call torch_loss_mse(loss, outputs(1), target)
    call torch_tensor_backward(loss)
  end subroutine differentiate

  subroutine parts()
    ! Gradients of some ranks, of no rank, in 16 bits, and large ones; each rank's weight is its rank + 1.
    type(torch_model) :: model
    type(torch_tensor) :: input(1), output(1), sum
    real(real32), target :: x(1, 200)
    real(real32), allocatable :: gradients(:), first(:)
    type(torch_tensor), allocatable :: weights(:)
    integer :: dtype
    do dtype = 1, 2
      call torch_model_load(model, files(3), requires_grad=.true., is_training=.true.)
      if (dtype == 2) call torch_model_to(model, dtype=torch_kBFloat16)
      x = 1
      call torch_tensor_from_array(input(1), x)
      if (dtype == 2) call torch_tensor_to(input(1), input(1), dtype=torch_kBFloat16)
      if (rank /= n - 1 .or. n == 1) then
        call torch_model_forward(model, input, output, requires_grad=.true.)
        sum = torch_sum(output(1))
        call torch_tensor_backward(sum)
      end if
      allocate (gradients(torch_model_flat_size(model)), first(torch_model_flat_size(model)))
      call torch_model_flatten_gradients(model, first, convert=dtype == 2)
      call torch_mpi_average_gradients(model, mpi_comm_world, merge(0, rank + 1, rank == n - 1 .and. n > 1))
      call torch_model_flatten_gradients(model, gradients, convert=dtype == 2)
      call torch_mpi_same(mpi_comm_world, bits(real(gradients, real64)))
      ! All who computed had the same gradient: it is their mean.
      if (rank /= n - 1) call must(maxval(abs(gradients - first)) <= 1e-6_real32, 'the mean of equal ones')
      call must(maxval(abs(gradients)) > 0.1_real32, 'a rank without samples has it too')
      allocate (weights(torch_model_count_parameters(model)))
      call torch_model_parameters(model, weights)
      call must(.not. has_gradient(weights(size(weights))), 'nobody has a gradient of the unused part')
      deallocate (gradients, first, weights)
    end do
  end subroutine parts

  logical function has_gradient(weight)
    type(torch_tensor), intent(in) :: weight
    type(torch_tensor) :: gradient
    integer :: failed
    call torch_tensor_get_gradient(gradient, weight, stat=failed)
    has_gradient = failed == 0
  end function has_gradient

  subroutine broadcast()
    type(torch_model) :: model
    type(torch_tensor) :: input(1), output(1)
    real(real64), target :: x(n_in, 4)
    real(real64), allocatable :: weights(:)
    character(len=:), allocatable :: names(:), text, kept
    call torch_model_load(model, files(2), requires_grad=.true., is_training=.true.)
    x = 1 + rank
    x(1, 1) = 0
    call torch_tensor_from_array(input(1), x, permute_dims=[2, 1])
    call torch_model_forward(model, input, output)
    allocate (weights(torch_model_flat_size(model)))
    call torch_model_flatten(model, weights)
    weights = weights + rank
    call torch_model_unflatten(model, weights)
    kept = bits(weights)
    call torch_mpi_model_broadcast(model, mpi_comm_world, buffers_only=.true.)
    call torch_model_flatten(model, weights)
    call must(bits(weights) == kept, 'weights stay')
    call torch_model_buffer_names(model, names)
    call must(size(names) == 3, 'buffers')
    text = state(model, names)
    call torch_mpi_same(mpi_comm_world, text)
    call torch_mpi_model_broadcast(model, mpi_comm_world)
    call torch_model_flatten(model, weights)
    call torch_mpi_same(mpi_comm_world, bits(weights))
    call must(state(model, names) == text, 'buffers stay')
  end subroutine broadcast

  function state(model, names) result(text)
    type(torch_model), intent(in) :: model
    character(len=*), intent(in) :: names(:)
    character(len=:), allocatable :: text
    type(torch_tensor) :: buffer, wide
    real(real64), allocatable :: values(:)
    integer :: i
    text = ''
    do i = 1, size(names)
      call torch_model_get_buffer(model, names(i), buffer)
      call torch_tensor_to(buffer, wide, dtype=torch_kFloat64)
      if (wide%get_rank() == 0) cycle
      allocate (values(wide%numel()))
      call torch_tensor_copy_to(wide, values)
      text = text // bits(values)
      deallocate (values)
    end do
  end function state

  subroutine refused()
    type(torch_model) :: model, other, none
    real(real64), allocatable :: gradients(:), kept(:)
    logical :: last
    last = rank == n - 1
    call torch_model_load(model, files(1), requires_grad=.true., is_training=.true.)
    call torch_model_load(other, files(2), requires_grad=.true., is_training=.true.)
    allocate (gradients(torch_model_flat_size(model)))
    call torch_mpi_average_gradients(model, mpi_comm_world, 3, stat=stat, errmsg=errmsg)
    call told(stat, errmsg, 'argument ''model'': no parameter has a gradient on any rank', torch_error_argument)
    gradients = 1
    if (last) gradients(7) = ieee_value(1.0_real64, ieee_positive_inf)
    kept = gradients
    call torch_model_unflatten_gradients(model, gradients)
    call torch_mpi_average_gradients(model, mpi_comm_world, 3, stat=stat, errmsg=errmsg)
    call told(stat, errmsg, 'number 7 of the gradients is infinite or not a number', torch_error_model)
    call torch_model_unflatten_gradients(model, kept)
    call torch_mpi_average_gradients(model, mpi_comm_world, merge(0, 3, last .and. n > 1), check_finite=n > 1)
    call torch_model_flatten_gradients(model, gradients)
    if (n > 1) call must(all(abs(gradients - 1) < 1e-12), 'what has no weight is left out')
    call torch_mpi_average_gradients(model, mpi_comm_world, merge(-2, 3, last), stat=stat, errmsg=errmsg)
    call told(stat, errmsg, 'argument ''samples'': expected the samples of this rank, got -2', torch_error_argument)
    call torch_mpi_average_gradients(model, mpi_comm_world, 0, stat=stat, errmsg=errmsg)
    call told(stat, errmsg, 'argument ''samples'' is 0 on all ranks: there is nothing to average', torch_error_argument)
    call torch_mpi_average_gradients(none, mpi_comm_world, 1, stat=stat, errmsg=errmsg)
    call told(stat, errmsg, 'model', torch_error_handle)
    call torch_mpi_average_gradients(model, mpi_comm_null, 1, stat=stat, errmsg=errmsg)
    call told(stat, errmsg, 'MPI_COMM_NULL', torch_error_argument)
    call torch_mpi_model_broadcast(none, mpi_comm_world, stat=stat, errmsg=errmsg)
    call told(stat, errmsg, 'model', torch_error_handle)
    if (n == 1) return
    if (last) then
      call torch_mpi_average_gradients(other, mpi_comm_world, 1, stat=stat, errmsg=errmsg)
    else
      call torch_mpi_average_gradients(model, mpi_comm_world, 1, stat=stat, errmsg=errmsg)
    end if
    call told(stat, errmsg, 'argument ''model'': its parameters are not those of the model of rank 0', torch_error_argument)
    if (last) then
      call torch_mpi_model_broadcast(other, mpi_comm_world, stat=stat, errmsg=errmsg)
    else
      call torch_mpi_model_broadcast(model, mpi_comm_world, stat=stat, errmsg=errmsg)
    end if
    call told(stat, errmsg, 'argument ''model'': its tensors are not those of the model of rank 0', torch_error_argument)
  end subroutine refused

  function number(value) result(text)
    real(real64), intent(in) :: value
    character(len=12) :: text
    write (text, '(es12.3)') value
  end function number

end program averaging
