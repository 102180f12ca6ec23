program early
  ! Gradients that are averaged while backward computes: `early SCENARIO FILE SMALL`. The network has layers of 300 x 300 in real64;
  ! one of them is used where the first number is positive, one never.
  use, intrinsic :: ieee_arithmetic, only: ieee_positive_inf, ieee_value
  use, intrinsic :: iso_fortran_env, only: real64
  use ftorch
  use ftorch_mpi
  use job
  implicit none (type, external)
  integer, parameter :: n_in = 300, n_samples = 4
  character(len=32) :: scenario
  character(len=256) :: files(2), errmsg
  type(torch_model) :: model
  type(torch_gradient_average) :: average
  real(real64), allocatable :: gradients(:)
  integer :: rank, n, stat, i
  call get_command_argument(1, scenario)
  do i = 1, 2
    call get_command_argument(i + 1, files(i))
  end do
  call start()
  rank = my_rank(mpi_comm_world)
  n = n_ranks(mpi_comm_world)
  stat = -1
  errmsg = ''
  call torch_model_load(model, files(1), requires_grad=.true., is_training=.true.)
  allocate (gradients(torch_model_flat_size(model)))
  select case (scenario)
  case ('same')
    call same(samples=rank + 1, branch=.true., twice=.false.)
    call same(samples=rank + 1, branch=rank == 0, twice=.false.)       ! others have no gradient of that layer
    call same(samples=rank + 1, branch=.false., twice=.false.)         ! nobody has
    call same(samples=rank + 1, branch=rank /= 0, twice=.true.)        ! and gradients of a backward before
    call same(samples=merge(0, 3, rank == n - 1 .and. n > 1), branch=.true., twice=.false.)  ! the last does not compute
  case ('meanwhile')
    call meanwhile()
  case ('refused')
    call refused()
  case default
    error stop 'no such scenario'
  end select
  call torch_delete(model)
  call say(rank, int(torch_live_handles()), verdict())
  call finish()

contains

  subroutine same(samples, branch, twice)
    ! Both ways give the same gradients, to the last digits, and the same bits on all ranks.
    integer, intent(in) :: samples
    logical, intent(in) :: branch, twice
    type(torch_model) :: other
    real(real64), allocatable :: expected(:)
    allocate (expected(size(gradients)))
    call torch_model_load(other, files(1), requires_grad=.true., is_training=.true.)
    call model%zero_grad()
    if (twice) then
      call differentiate(model, .true., samples)
      call differentiate(other, .true., samples)
    end if
    call average%start(model, mpi_comm_world, samples)
    call differentiate(model, branch, samples)
    call average%finish()
    call differentiate(other, branch, samples)
    call torch_mpi_average_gradients(other, mpi_comm_world, samples)
    call torch_model_flatten_gradients(model, gradients)
    call torch_model_flatten_gradients(other, expected)
    call must(maxval(abs(gradients - expected)) <= 1e-12_real64 * maxval(abs(expected)), 'gradients differ')
    call must(maxval(abs(expected)) > 0, 'there are gradients')
    call torch_mpi_same(mpi_comm_world, bits(gradients))
    call must(n_gradients(model) == n_gradients(other), 'who has a gradient')
  end subroutine same

  subroutine meanwhile()
    ! When backward is over the large gradients have been weighted, so they are under way; afterwards nothing is watched.
    real(real64), allocatable :: before(:)
    type(torch_gradient_average) :: again
    allocate (before(size(gradients)))
    call differentiate(model, .true., 1)
    call torch_model_flatten_gradients(model, before)
    call model%zero_grad()
    call average%start(model, mpi_comm_world, merge(3, 0, rank == 0))
    call differentiate(model, .true., 1)
    call torch_model_flatten_gradients(model, gradients)
    if (rank > 0) call must(maxval(abs(gradients - before)) > 0, 'nothing was sent')
    call average%finish()
    call torch_model_flatten_gradients(model, gradients)
    call torch_mpi_same(mpi_comm_world, bits(gradients))
    call model%zero_grad()
    call differentiate(model, .true., 1)
    call torch_model_flatten_gradients(model, gradients)
    call must(maxval(abs(gradients - before)) <= 0, 'it goes on')
    ! A model that is deleted meanwhile: all hear of it.
    call again%start(model, mpi_comm_world, 1)
    if (rank == n - 1) call torch_delete(model)
    call again%finish(stat=stat, errmsg=errmsg)
    call told(stat, errmsg, 'model', torch_error_handle)
  end subroutine meanwhile

  subroutine refused()
    type(torch_model) :: none, small
    type(torch_gradient_average) :: second
    logical :: last
    last = rank == n - 1
    call average%finish(stat=stat, errmsg=errmsg)
    call told(stat, errmsg, 'the average has not been created', torch_error_handle)
    call average%start(none, mpi_comm_world, 1, stat=stat, errmsg=errmsg)
    call told(stat, errmsg, 'model', torch_error_handle)
    call average%start(model, mpi_comm_null, 1, stat=stat, errmsg=errmsg)
    call told(stat, errmsg, 'MPI_COMM_NULL', torch_error_argument)
    call average%start(model, mpi_comm_world, merge(-2, 1, last), stat=stat, errmsg=errmsg)
    call told(stat, errmsg, 'argument ''samples'': expected the samples of this rank, got -2', torch_error_argument)
    call average%start(model, mpi_comm_world, 0, stat=stat, errmsg=errmsg)
    call told(stat, errmsg, 'argument ''samples'' is 0 on all ranks', torch_error_argument)
    call average%start(model, mpi_comm_world, 1)
    call average%start(model, mpi_comm_world, 1, stat=stat, errmsg=errmsg)
    call told(stat, errmsg, 'it has been started already; finish it first', torch_error_argument)
    call second%start(model, mpi_comm_world, 1, stat=stat, errmsg=errmsg)
    call told(stat, errmsg, 'the gradients of this model are watched already', torch_error_argument)
    call average%finish(stat=stat, errmsg=errmsg)  ! and nobody called backward
    call told(stat, errmsg, 'no parameter has a gradient on any rank', torch_error_argument)
    call average%start(model, mpi_comm_world, 1)
    call differentiate(model, .true., 1)
    if (last) call differentiate(model, .true., 1)
    call average%finish(stat=stat, errmsg=errmsg)
    call told(stat, errmsg, 'torch_tensor_backward was called twice between start and finish', torch_error_argument)
    call model%zero_grad()
    call average%start(model, mpi_comm_world, 1)
    call differentiate(model, .true., 1)
    if (last) call model%zero_grad()
    call average%finish(stat=stat, errmsg=errmsg)
    call told(stat, errmsg, 'gradients were replaced or forgotten between start and finish', torch_error_argument)
    call model%zero_grad()
    gradients = 1
    if (last) gradients(7) = ieee_value(1.0_real64, ieee_positive_inf)
    call torch_model_unflatten_gradients(model, gradients)
    call average%start(model, mpi_comm_world, 1)
    call average%finish(stat=stat, errmsg=errmsg)
    call told(stat, errmsg, 'number 7 of the gradients is infinite or not a number', torch_error_model)
    if (n == 1) return
    call torch_model_load(small, files(2), requires_grad=.true.)
    if (last) then
      call average%start(small, mpi_comm_world, 1, stat=stat, errmsg=errmsg)
    else
      call average%start(model, mpi_comm_world, 1, stat=stat, errmsg=errmsg)
    end if
    call told(stat, errmsg, 'argument ''model'': its parameters are not the same on all ranks', torch_error_argument)
  end subroutine refused

  subroutine differentiate(which, branch, samples)
    type(torch_model), intent(in) :: which
    logical, intent(in) :: branch
    integer, intent(in) :: samples
    type(torch_tensor) :: inputs(1), outputs(1), loss
    real(real64), target :: x(n_in, n_samples)
    integer :: j, k
    if (samples == 0) return
    do k = 1, n_samples
      do j = 1, n_in
        x(j, k) = sin(real(j * k + rank, real64))
      end do
    end do
    x(1, 1) = merge(1, -1, branch)
    call torch_tensor_from_array(inputs(1), x, permute_dims=[2, 1])
    call torch_model_forward(which, inputs, outputs, requires_grad=.true.)
    loss = torch_mean(outputs(1) * outputs(1))
    call torch_tensor_backward(loss)
  end subroutine differentiate

  integer function n_gradients(which)
    type(torch_model), intent(in) :: which
    type(torch_tensor), allocatable :: weights(:)
    type(torch_tensor) :: gradient
    integer :: k, failed
    allocate (weights(torch_model_count_parameters(which)))
    call torch_model_parameters(which, weights)
    n_gradients = 0
    do k = 1, size(weights)
      call torch_tensor_get_gradient(gradient, weights(k), stat=failed)
      if (failed == 0) n_gradients = n_gradients + 1
    end do
  end function n_gradients

end program early
