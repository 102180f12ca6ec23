module misuse_checkpoint_scenarios
  !! Checkpoints, states and parameters that do not fit: nothing of what they were meant for may change.
  use, intrinsic :: iso_fortran_env, only: int8, real32, real64
  use :: ftorch
  use :: misuse_kit, only: expect, scenario
  implicit none (type, external)
  private
  public :: checkpoint_scenarios

  character(len=*), parameter :: file = 'misuse.ckpt'
  integer, parameter :: untouched = -7

contains

  function checkpoint_scenarios() result(table)
    type(scenario), allocatable :: table(:)
    table = [scenario('fitting', fitting), scenario('other_optimizer', other_optimizer), &
      scenario('other_options', other_options), scenario('other_schedule', other_schedule), &
      scenario('no_optimizer', no_optimizer), scenario('no_schedule', no_schedule), scenario('no_step', no_step), &
      scenario('more_count', more_count), scenario('more_shape', more_shape), scenario('other_model', other_model), &
      scenario('truncated', truncated), scenario('plain_state', plain_state), scenario('missing', missing), &
      scenario('schedule_not_made', schedule_not_made), scenario('state_truncated', state_truncated), &
      scenario('state_of_checkpoint', state_of_checkpoint), scenario('parameter_name', parameter_name), &
      scenario('parameter_shape', parameter_shape), scenario('parameter_dtype', parameter_dtype), &
      scenario('freeze_nothing', freeze_nothing)]
  end function checkpoint_scenarios

  subroutine begin(model, optim, schedule, field, more)
    !! A run of five steps, as every scenario begins it.
    type(torch_model), intent(inout) :: model
    type(torch_optim), intent(inout) :: optim
    type(torch_schedule), intent(inout) :: schedule
    real(real32), target, intent(inout) :: field(3)
    type(torch_tensor), intent(inout) :: more(1)
    integer :: k
    call torch_model_load(model, 'linear.pt', requires_grad=.true.)
    call torch_optim_SGD(optim, model, 1e-3_real64, momentum=0.9_real64)
    call torch_schedule_exponential(schedule, optim, 0.5_real64)
    field = 1
    call torch_tensor_from_array(more(1), field)
    do k = 1, 5
      call train(model, optim)
      call schedule%step()
    end do
  end subroutine begin

  subroutine train(model, optim)
    type(torch_model), intent(in) :: model
    type(torch_optim), intent(in) :: optim
    type(torch_tensor) :: inputs(1), outputs(1)
    call optim%zero_grad()
    inputs(1) = torch_ones([2, 5])
    call model%forward(inputs, outputs, requires_grad=.true.)
    call torch_tensor_backward(torch_mean(outputs(1)**2))
    call optim%step()
  end subroutine train

  subroutine load(model, optim, schedule, step, more, stat, errmsg)
    !! Loads, and looks whether a refused load has changed anything.
    type(torch_model), intent(in) :: model
    type(torch_optim), intent(in) :: optim
    type(torch_schedule), intent(inout) :: schedule
    integer, intent(inout) :: step
    type(torch_tensor), intent(inout) :: more(:)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), allocatable :: before(:), after(:)
    real(real64), allocatable :: state(:), new_state(:)
    real(real64) :: rate
    logical :: failed
    step = untouched
    rate = optim%get_learning_rate()
    allocate (before(torch_model_flat_size(model)), after(torch_model_flat_size(model)))
    call torch_model_flatten(model, before)
    call schedule%get_state(state)
    call torch_checkpoint_load(file, model, optim, schedule, step, more, stat, errmsg)
    failed = .true.
    if (present(stat)) failed = stat /= 0
    call torch_model_flatten(model, after)
    call schedule%get_state(new_state)
    call expect(failed .eqv. step == untouched, 'the step')
    call expect(failed .eqv. all(abs(before - after) <= 0), 'the weights')
    call expect(failed .eqv. abs(rate - optim%get_learning_rate()) <= 0, 'the learning rate')
    call expect(failed .eqv. all(abs(state - new_state) <= 0), 'the schedule')
    call train(model, optim)
  end subroutine load

  subroutine fitting(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: m
    type(torch_optim) :: o
    type(torch_schedule) :: s
    type(torch_tensor) :: more(1)
    real(real32), target :: field(3)
    integer :: step
    call begin(m, o, s, field, more)
    call torch_checkpoint_save(file, m, o, s, 5, more)
    field = 2
    call train(m, o)
    call s%step()
    call load(m, o, s, step, more, stat, errmsg)
    call expect(step == 5 .and. all(abs(field - 1) <= 0), 'step and array')
  end subroutine fitting

  subroutine other_optimizer(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: m
    type(torch_optim) :: o
    type(torch_schedule) :: s
    type(torch_tensor) :: more(1)
    real(real32), target :: field(3)
    integer :: step
    call begin(m, o, s, field, more)
    call torch_checkpoint_save(file, m, o, s, 5, more)
    call torch_optim_Adam(o, m)
    call torch_schedule_exponential(s, o, 0.5_real64)
    call train(m, o)
    field = 2
    call load(m, o, s, step, more, stat, errmsg)
    call expect(all(abs(field - 2) <= 0), 'the array is as before')
  end subroutine other_optimizer

  subroutine other_options(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: m
    type(torch_optim) :: o
    type(torch_schedule) :: s
    type(torch_tensor) :: more(1)
    real(real32), target :: field(3)
    integer :: step
    call begin(m, o, s, field, more)
    call torch_checkpoint_save(file, m, o, s, 5, more)
    call torch_optim_SGD(o, m)
    call torch_schedule_exponential(s, o, 0.5_real64)
    call train(m, o)
    call load(m, o, s, step, more, stat, errmsg)
  end subroutine other_options

  subroutine other_schedule(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: m
    type(torch_optim) :: o
    type(torch_schedule) :: s
    type(torch_tensor) :: more(1)
    real(real32), target :: field(3)
    integer :: step
    call begin(m, o, s, field, more)
    call torch_checkpoint_save(file, m, o, s, 5, more)
    call torch_schedule_cosine(s, o, 10)
    call train(m, o)
    call load(m, o, s, step, more, stat, errmsg)
  end subroutine other_schedule

  subroutine no_optimizer(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: m
    type(torch_optim) :: o
    type(torch_schedule) :: s
    type(torch_tensor) :: more(1)
    real(real32), target :: field(3)
    integer :: step
    call begin(m, o, s, field, more)
    call torch_checkpoint_save(file, m, schedule=s, step=5, more=more)
    call train(m, o)
    call load(m, o, s, step, more, stat, errmsg)
  end subroutine no_optimizer

  subroutine no_schedule(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: m
    type(torch_optim) :: o
    type(torch_schedule) :: s
    type(torch_tensor) :: more(1)
    real(real32), target :: field(3)
    integer :: step
    call begin(m, o, s, field, more)
    call torch_checkpoint_save(file, m, o, step=5, more=more)
    call train(m, o)
    call load(m, o, s, step, more, stat, errmsg)
  end subroutine no_schedule

  subroutine no_step(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: m
    type(torch_optim) :: o
    type(torch_schedule) :: s
    type(torch_tensor) :: more(1)
    real(real32), target :: field(3)
    integer :: step
    call begin(m, o, s, field, more)
    call torch_checkpoint_save(file, m, o, s, more=more)
    call train(m, o)
    call load(m, o, s, step, more, stat, errmsg)
  end subroutine no_step

  subroutine more_count(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: m
    type(torch_optim) :: o
    type(torch_schedule) :: s
    type(torch_tensor) :: more(1), two(2)
    real(real32), target :: field(3)
    integer :: step
    call begin(m, o, s, field, more)
    call torch_checkpoint_save(file, m, o, s, 5, more)
    call train(m, o)
    call load(m, o, s, step, two, stat, errmsg)
  end subroutine more_count

  subroutine more_shape(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: m
    type(torch_optim) :: o
    type(torch_schedule) :: s
    type(torch_tensor) :: more(1)
    real(real32), target :: field(3)
    integer :: step
    call begin(m, o, s, field, more)
    call torch_checkpoint_save(file, m, o, s, 5, more)
    call torch_tensor_from_array(more(1), field(:2))
    call train(m, o)
    call load(m, o, s, step, more, stat, errmsg)
  end subroutine more_shape

  subroutine other_model(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: m, other
    type(torch_optim) :: o
    type(torch_schedule) :: s
    type(torch_tensor) :: more(1)
    real(real32), target :: field(3)
    integer :: step
    call begin(m, o, s, field, more)
    call torch_model_load(other, 'stormy.pt')
    call torch_checkpoint_save(file, other, o, s, 5, more)
    call train(m, o)
    call load(m, o, s, step, more, stat, errmsg)
  end subroutine other_model

  subroutine truncated(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: m
    type(torch_optim) :: o
    type(torch_schedule) :: s
    type(torch_tensor) :: more(1)
    real(real32), target :: field(3)
    integer :: step
    call begin(m, o, s, field, more)
    call torch_checkpoint_save(file, m, o, s, 5, more)
    call cut(file)
    call train(m, o)
    call load(m, o, s, step, more, stat, errmsg)
  end subroutine truncated

  subroutine plain_state(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: m
    type(torch_optim) :: o
    type(torch_schedule) :: s
    type(torch_tensor) :: more(1)
    real(real32), target :: field(3)
    integer :: step
    call begin(m, o, s, field, more)
    call torch_model_save_state(m, file)
    call load(m, o, s, step, more, stat, errmsg)
  end subroutine plain_state

  subroutine missing(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: m
    call torch_model_load(m, 'linear.pt')
    call torch_checkpoint_load('missing.ckpt', m, stat=stat, errmsg=errmsg)
  end subroutine missing

  subroutine schedule_not_made(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: m
    type(torch_schedule) :: s
    call torch_model_load(m, 'linear.pt')
    call torch_checkpoint_save(file, m)
    call torch_checkpoint_load(file, m, schedule=s, stat=stat, errmsg=errmsg)
  end subroutine schedule_not_made

  subroutine state_truncated(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: m
    call torch_model_load(m, 'linear.pt')
    call torch_model_save_state(m, 'misuse.state')
    call cut('misuse.state')
    call torch_model_load_state(m, 'misuse.state', stat=stat, errmsg=errmsg)
  end subroutine state_truncated

  subroutine state_of_checkpoint(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: m
    call torch_model_load(m, 'linear.pt')
    call torch_checkpoint_save(file, m)
    call torch_model_load_state(m, file, stat=stat, errmsg=errmsg)
  end subroutine state_of_checkpoint

  subroutine parameter_name(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: m
    real(real32), target :: bias(3)
    bias = 0
    call torch_model_load(m, 'linear.pt')
    call torch_model_set_parameter(m, 'layer.biass', bias, stat=stat, errmsg=errmsg)
  end subroutine parameter_name

  subroutine parameter_shape(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: m
    real(real32), target :: weight(5, 3)
    weight = 0
    call torch_model_load(m, 'linear.pt')
    call torch_model_set_parameter(m, 'layer.weight', weight, stat=stat, errmsg=errmsg)
  end subroutine parameter_shape

  subroutine parameter_dtype(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: m
    real(real64), target :: bias(3)
    bias = 0
    call torch_model_load(m, 'linear.pt')
    call torch_model_set_parameter(m, 'layer.bias', bias, stat=stat, errmsg=errmsg)
  end subroutine parameter_dtype

  subroutine freeze_nothing(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: m
    call torch_model_load(m, 'linear.pt', requires_grad=.true.)
    call torch_model_set_requires_grad(m, .false., 'encoder.*', stat=stat, errmsg=errmsg)
  end subroutine freeze_nothing

  subroutine cut(name)
    !! Leaves half of a file.
    character(len=*), intent(in) :: name
    integer(int8), allocatable :: bytes(:)
    integer :: unit, length
    inquire (file=name, size=length)
    allocate (bytes(length / 2))
    open (newunit=unit, file=name, access='stream', form='unformatted', action='read', status='old')
    read (unit) bytes
    close (unit)
    open (newunit=unit, file=name, access='stream', form='unformatted', action='write', status='replace')
    write (unit) bytes
    close (unit)
  end subroutine cut

end module misuse_checkpoint_scenarios

program misuse_checkpoint
  use :: misuse_checkpoint_scenarios, only: checkpoint_scenarios
  use :: misuse_kit, only: run_scenarios
  implicit none (type, external)
  call run_scenarios(checkpoint_scenarios())
end program misuse_checkpoint
