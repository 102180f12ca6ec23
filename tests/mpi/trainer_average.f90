program trainer_average
  ! Compiled steps on many ranks: `trainer_average SCENARIO FILE N N ...`, where rank r has the r-th number of samples, in order.
  use, intrinsic :: iso_fortran_env, only: int64, real64
  use ftorch
  use ftorch_mpi
  use job
  implicit none (type, external)
  integer, parameter :: all_samples = 32, n_steps = 20
  character(len=32) :: scenario, word
  character(len=256) :: file, other
  character(len=1000) :: errmsg
  real(real64), target :: x(3, all_samples), y(1, all_samples)
  integer :: rank, n, stat, mine, first
  call get_command_argument(1, scenario)
  call get_command_argument(2, file)
  call start()
  rank = my_rank(mpi_comm_world)
  n = n_ranks(mpi_comm_world)
  call share_out()
  stat = -1
  errmsg = ''
  select case (scenario)
  case ('steps')
    call steps()
  case ('halves')
    call halves()
  case ('tensors')
    call tensors()
  case ('everything')
    call everything()
  case ('empty')
    call empty()
  case ('not_finite')
    call not_finite()
  case ('shape', 'negative', 'finite', 'unready', 'different')
    call one_is_wrong()
  case ('absent')
    call absent()
  case default
    error stop 'no such scenario'
  end select
  if (scenario /= 'absent') call finish()

contains

  subroutine share_out()
    ! Samples of this rank are first to first + mine - 1.
    integer :: r, unit, count
    first = 1
    mine = 0
    do r = 0, merge(-1, min(rank, command_argument_count() - 3), scenario == 'different')
      call get_command_argument(3 + r, word)
      read (word, *) count
      first = first + mine
      mine = count
    end do
    open (newunit=unit, file='x.bin', access='stream', form='unformatted', action='read', status='old')
    read (unit) x
    close (unit)
    open (newunit=unit, file='y.bin', access='stream', form='unformatted', action='read', status='old')
    read (unit) y
    close (unit)
  end subroutine share_out

  subroutine steps()
    ! Losses of many steps, and weights that are the same everywhere, to the bit.
    type(torch_trainer) :: trainer
    real(real64) :: loss
    integer :: step
    call torch_mpi_trainer_load(trainer, file, mpi_comm_world)
    do step = 1, n_steps
      call torch_mpi_trainer_step(trainer, x(:, first:first + mine - 1), y(:, first:first + mine - 1), mpi_comm_world, mine, loss, &
        permute_dims=[2, 1], target_permute_dims=[2, 1])
      call say_number(step, loss)
    end do
    call same_everywhere(trainer)
    call torch_trainer_delete(trainer)
    call say(rank, int(torch_live_handles()), 'live')
  end subroutine steps

  subroutine halves()
    ! The same by its parts; what is averaged twice stays what it is.
    type(torch_trainer) :: trainer
    real(real64) :: loss, unused
    integer :: step, twice
    call torch_mpi_trainer_load(trainer, file, mpi_comm_world)
    do step = 1, n_steps
      if (mine > 0) then
        call trainer%gradients(x(:, first:first + mine - 1), y(:, first:first + mine - 1), unused, permute_dims=[2, 1], &
          target_permute_dims=[2, 1])
      end if
      do twice = 1, 1 + mod(step, 2)
        call torch_mpi_trainer_average(trainer, mpi_comm_world, merge(mine, 1, twice == 1), check_finite=.true.)
      end do
      call trainer%apply(loss)
      call say_number(step, loss)
    end do
    call same_everywhere(trainer)
    call torch_trainer_delete(trainer)
    call say(rank, int(torch_live_handles()), 'live')
  end subroutine halves

  subroutine tensors()
    type(torch_trainer) :: trainer
    type(torch_tensor) :: inputs(1), targets(1)
    real(real64) :: loss
    integer :: step
    call torch_mpi_trainer_load(trainer, file, mpi_comm_world)
    call torch_tensor_from_array(inputs(1), x(:, first:first + max(mine, 1) - 1), permute_dims=[2, 1])
    call torch_tensor_from_array(targets(1), y(:, first:first + max(mine, 1) - 1), permute_dims=[2, 1])
    do step = 1, n_steps
      call torch_mpi_trainer_step_tensors(trainer, inputs, targets, mpi_comm_world, mine, loss)
      call say_number(step, loss)
    end do
    call same_everywhere(trainer)
    call torch_delete(inputs)
    call torch_delete(targets)
    call torch_trainer_delete(trainer)
    call say(rank, int(torch_live_handles()), 'live')
  end subroutine tensors

  subroutine everything()
    ! Dropout of its own and running means of all: weights, means and counters stay the same everywhere.
    type(torch_trainer) :: trainer
    real(real64) :: loss, moving(16)
    integer(int64) :: batches
    integer :: step
    call torch_mpi_trainer_load(trainer, file, mpi_comm_world)
    call trainer%set_seed(100 + rank)
    do step = 1, n_steps
      call torch_mpi_trainer_step(trainer, x(:, first:first + mine - 1), y(:, first:first + mine - 1), mpi_comm_world, mine, loss, &
        permute_dims=[2, 1], target_permute_dims=[2, 1])
      if (step == 1) then
        call trainer%get_tensor('net.1.running_mean', moving)
        do batches = 1, 16
          call say_number(int(batches), moving(batches))
        end do
      end if
    end do
    call trainer%get_tensor('net.1.num_batches_tracked', batches)
    call same_everywhere(trainer)
    call torch_trainer_delete(trainer)
    call say(rank, int(batches), 'batches')
  end subroutine everything

  subroutine empty()
    ! Nobody has samples: a step that is skipped, and the next one.
    type(torch_trainer) :: trainer
    real(real64) :: loss
    call torch_mpi_trainer_load(trainer, file, mpi_comm_world)
    call torch_mpi_trainer_step(trainer, x(:, :0), y(:, :0), mpi_comm_world, 0, loss)
    call say(rank, int(trainer%count()), merge('skipped', 'taken  ', loss /= loss))
    call torch_mpi_trainer_step(trainer, x, y, mpi_comm_world, all_samples, loss, permute_dims=[2, 1], target_permute_dims=[2, 1])
    call same_everywhere(trainer)
    call say(rank, int(trainer%count()), merge('skipped', 'taken  ', loss /= loss))
  end subroutine empty

  subroutine not_finite()
    ! One rank's field has blown up: all skip the step.
    type(torch_trainer) :: trainer
    real(real64) :: loss
    if (rank == n - 1) x(2, 5) = x(2, 5) / 0.0_real64
    call torch_mpi_trainer_load(trainer, file, mpi_comm_world)
    call torch_mpi_trainer_step(trainer, x, y, mpi_comm_world, all_samples, loss, permute_dims=[2, 1], target_permute_dims=[2, 1])
    call same_everywhere(trainer)
    call say(rank, int(trainer%count()), merge('skipped', 'taken  ', loss /= loss))
  end subroutine not_finite

  subroutine one_is_wrong()
    ! What is wrong on the last rank is an error of all; then there is nothing to apply, and all goes on.
    type(torch_trainer) :: trainer
    real(real64) :: loss
    integer :: samples
    samples = all_samples
    if (scenario == 'negative' .and. rank == n - 1) samples = -1
    if (scenario == 'finite' .and. rank == n - 1) x(2, 5) = x(2, 5) / 0.0_real64
    if (scenario == 'different' .and. rank == n - 1) then
      call get_command_argument(3, other)
      call trainer%load(other)
    else
      call trainer%load(file)
    end if
    if (scenario == 'unready') then
      if (rank < n - 1) call trainer%gradients(x, y, loss, permute_dims=[2, 1], target_permute_dims=[2, 1])
      call torch_mpi_trainer_average(trainer, mpi_comm_world, samples, stat=stat, errmsg=errmsg)
    else if (scenario == 'shape' .and. rank == n - 1) then
      call torch_mpi_trainer_step(trainer, x, y, mpi_comm_world, samples, loss, stat=stat, errmsg=errmsg)
    else
      call torch_mpi_trainer_step(trainer, x, y, mpi_comm_world, samples, loss, permute_dims=[2, 1], target_permute_dims=[2, 1], &
        check_finite=scenario == 'finite', stat=stat, errmsg=errmsg)
    end if
    call say(rank, stat, errmsg)
    if (scenario == 'finite') then
      call trainer%apply(stat=stat)
      call say(rank, stat, 'apply')
      call read_again()
    end if
    if (scenario == 'different') return
    call torch_mpi_trainer_step(trainer, x, y, mpi_comm_world, all_samples, loss, permute_dims=[2, 1], target_permute_dims=[2, 1])
    call same_everywhere(trainer)
    call say(rank, int(trainer%count()), 'count')
  end subroutine one_is_wrong

  subroutine read_again()
    integer :: unit
    open (newunit=unit, file='x.bin', access='stream', form='unformatted', action='read', status='old')
    read (unit) x
    close (unit)
  end subroutine read_again

  subroutine absent()
    ! The last rank never calls: the others fail in time, and their gradients are of no use.
    type(torch_trainer) :: trainer
    real(real64) :: loss
    integer :: applied
    call trainer%load(file)
    if (rank < n - 1) then
      call torch_mpi_set_timeout(1)
      call trainer%gradients(x, y, loss, permute_dims=[2, 1], target_permute_dims=[2, 1])
      call torch_mpi_trainer_average(trainer, mpi_comm_world, all_samples, stat=stat, errmsg=errmsg)
      call trainer%apply(stat=applied)
      call say(rank, applied, errmsg)
    end if
    call abort_when_all_are_done(rank, n)
  end subroutine absent

  subroutine same_everywhere(trainer)
    ! All of the state but the seed.
    type(torch_trainer), intent(in) :: trainer
    character(len=:), allocatable :: names(:)
    type(torch_tensor) :: tensor, flat
    real(real64), allocatable :: values(:)
    integer :: i
    call trainer%names(names)
    do i = 1, size(names)
      if (names(i) == 'trainer.seed') cycle
      call trainer%get_tensor(names(i), tensor)
      flat = torch_to(torch_reshape(tensor, [-1]), dtype=torch_kFloat64)
      call torch_tensor_to_array(flat, values)
      call torch_mpi_same(mpi_comm_world, trim(names(i)) // bits(values))
      deallocate (values)
    end do
    call torch_delete(tensor)
    call torch_delete(flat)
  end subroutine same_everywhere

  subroutine say_number(place, number)
    integer, intent(in) :: place
    real(real64), intent(in) :: number
    write (word, '(es24.17)') number
    call say(rank, place, word)
  end subroutine say_number

end program trainer_average
