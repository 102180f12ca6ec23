program trainer
  !! Scenarios of compiled training: `trainer SCENARIO PACKAGE`. Each prints one line a number or a message; the test compares.
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: ftorch
  use :: process_memory, only: resident
  implicit none (type, external)
  integer, parameter :: batch = 32
  character(len=500) :: scenario, package
  call get_command_argument(1, scenario)
  call get_command_argument(2, package)
  select case (scenario)
  case ('line')
    call line()
  case ('shapes')
    call shapes()
  case ('dropping')
    call losses_and_rates(60)
  case ('coupled')
    call coupled()
  case ('grouped')
    call losses_and_rates(260)
  case ('plateau')
    call plateau()
  case ('resume')
    call resume()
  case ('settings')
    call settings()
  case ('weights')
    call weights()
  case ('mistakes')
    call mistakes()
  case ('files')
    call files()
  case ('flat')
    call flat()
  case default
    error stop 'no such scenario'
  end select
  print '(a, 1x, i0)', 'live', torch_live_handles()

contains

  subroutine read_real32(name, array)
    character(len=*), intent(in) :: name
    real(real32), intent(out) :: array(:, :)
    integer :: unit
    open (newunit=unit, file=name, access='stream', form='unformatted', action='read', status='old')
    read (unit) array
    close (unit)
  end subroutine read_real32

  subroutine read_real64(name, array)
    character(len=*), intent(in) :: name
    real(real64), intent(out) :: array(:, :)
    integer :: unit
    open (newunit=unit, file=name, access='stream', form='unformatted', action='read', status='old')
    read (unit) array
    close (unit)
  end subroutine read_real64

  subroutine line()
    !! 200 steps, losses as real32.
    type(torch_trainer) :: learner
    real(real32), target :: x(1, batch), y(1, batch)
    real(real32) :: loss
    integer :: step
    call read_real32('line_x.bin', x)
    call read_real32('line_y.bin', y)
    call torch_trainer_load(learner, package)
    do step = 1, 200
      call learner%step(x, y, loss, permute_dims=[2, 1], target_permute_dims=[2, 1])
      print '(es23.16)', loss
    end do
    call learner%evaluate(x, y, loss, [2, 1], [2, 1])
    print '(a, es23.16)', 'evaluate ', loss
    print '(a, i0)', 'count ', learner%count()
  end subroutine line

  subroutine shapes()
    !! Another batch, sections, another order of dimensions, another dtype: the same numbers.
    type(torch_trainer) :: learner
    type(torch_tensor) :: input(1), target(1)
    real(real32), target :: x(1, batch), y(1, batch), wide(2, 3 * batch), plain(batch, 1), y_plain(batch, 1)
    real(real64), target :: x_double(1, batch), y_double(1, batch)
    real(real64) :: losses(6)
    call read_real32('line_x.bin', x)
    call read_real32('line_y.bin', y)
    call learner%load(package)
    wide = -99
    wide(2, ::3) = x(1, :)
    plain(:, 1) = x(1, :)
    y_plain(:, 1) = y(1, :)
    x_double = x
    y_double = y
    call learner%evaluate(x, y, losses(1), permute_dims=[2, 1], target_permute_dims=[2, 1])
    call learner%evaluate(wide(2:2, ::3), y, losses(2), permute_dims=[2, 1], target_permute_dims=[2, 1])
    call learner%evaluate(plain, y_plain, losses(3))
    call learner%evaluate(x_double, y_double, losses(4), permute_dims=[2, 1], target_permute_dims=[2, 1], convert=.true.)
    call torch_tensor_from_array(input(1), wide(2:2, ::3), permute_dims=[2, 1])
    call torch_tensor_from_array(target(1), y_plain)
    call learner%evaluate_tensors(input, target, losses(5))
    call torch_trainer_evaluate(learner, x(:, :7), y(:, :7), losses(6), permute_dims=[2, 1], target_permute_dims=[2, 1])
    print '(es23.16)', losses
  end subroutine shapes

  subroutine losses_and_rates(steps)
    !! What steps on the data of the network with dropout say.
    integer, intent(in) :: steps
    type(torch_trainer) :: learner
    real(real64), target :: x(3, batch), y(1, batch)
    real(real64) :: loss
    integer :: step
    call read_real64('dropping_x.bin', x)
    call read_real64('dropping_y.bin', y)
    call learner%load(package)
    do step = 1, steps
      call learner%step(x, y, loss, permute_dims=[2, 1], target_permute_dims=[2, 1])
      print '(2(es24.17, 1x))', loss, learner%last_learning_rate()
    end do
  end subroutine losses_and_rates

  subroutine plateau()
    !! The library's plateau watches a loss and moves the base rate, as docs/compiled-training.md has it.
    type(torch_trainer) :: learner
    type(torch_tensor) :: stand_in(1)
    type(torch_optim) :: rates
    type(torch_schedule) :: schedule
    real(real64), target :: number(1)
    integer :: epoch
    number = 0
    call learner%load(package)
    call torch_tensor_from_array(stand_in(1), number, requires_grad=.true.)
    call torch_optim_SGD(rates, stand_in, learning_rate=learner%get_learning_rate())
    call torch_schedule_plateau(schedule, rates, factor=0.5_real64, patience=3)
    do epoch = 1, 40
      call schedule%step(1 / real(min(epoch, 10), real64))
      call learner%set_learning_rate(rates%get_learning_rate())
      print '(es24.17)', learner%get_learning_rate()
    end do
  end subroutine plateau

  subroutine coupled()
    type(torch_trainer) :: learner, second
    type(torch_tensor) :: inputs(2), targets(2)
    real(real32), target :: x(3, batch), first(2, batch), other(2, batch)
    integer(int64), target :: kind(batch)
    real(real64) :: loss
    integer :: unit, step
    call read_real32('coupled_x.bin', x)
    call read_real32('coupled_first.bin', first)
    call read_real32('coupled_second.bin', other)
    open (newunit=unit, file='coupled_kind.bin', access='stream', form='unformatted', action='read', status='old')
    read (unit) kind
    close (unit)
    call learner%load(package)
    second = learner                                   ! shares
    call torch_tensor_from_array(inputs(1), x, permute_dims=[2, 1])
    call torch_tensor_from_array(inputs(2), kind)
    call torch_tensor_from_array(targets(1), first, permute_dims=[2, 1])
    call torch_tensor_from_array(targets(2), other, permute_dims=[2, 1])
    do step = 1, 100
      if (mod(step, 2) == 0) then
        call learner%step_tensors(inputs, targets, loss)
      else
        call second%step_tensors(inputs, targets, loss)
      end if
      print '(es23.16)', loss
    end do
    call torch_delete(learner)
    print '(a, i0)', 'count ', second%count()
  end subroutine coupled

  subroutine resume()
    !! 25 steps, save, and 35 more of another trainer that has restored: the bits of 60 steps.
    type(torch_trainer) :: learner, other
    real(real64), target :: x(3, batch), y(1, batch)
    real(real64) :: loss
    integer :: step
    call read_real64('dropping_x.bin', x)
    call read_real64('dropping_y.bin', y)
    call learner%load(package)
    do step = 1, 25
      call learner%step(x, y, loss, permute_dims=[2, 1], target_permute_dims=[2, 1])
      print '(es24.17)', loss
    end do
    call learner%save('trainer.state')
    call other%load(package)
    call other%set_seed(99)
    call other%restore('trainer.state')
    print '(a, i0)', 'count ', other%count()
    do step = 26, 60
      call other%step(x, y, loss, permute_dims=[2, 1], target_permute_dims=[2, 1])
      print '(es24.17)', loss
    end do
  end subroutine resume

  subroutine settings()
    type(torch_trainer) :: learner
    type(torch_tensor) :: weight, other
    real(real64), target :: x(3, batch), y(1, batch), ones(1, 16)
    real(real64) :: loss
    real(real64), allocatable :: values(:, :)
    real(real32) :: rounded(1, 16), bias(1)
    integer(int64) :: steps
    character(len=:), allocatable :: names(:), contract
    integer :: step
    call read_real64('dropping_x.bin', x)
    call read_real64('dropping_y.bin', y)
    call learner%load(package)
    print '(a, 2(1x, es12.5))', 'rates', learner%get_learning_rate(), learner%last_learning_rate()
    call learner%set_learning_rate(0.5_real64)
    do step = 1, 2
      call learner%step(x, y, loss, permute_dims=[2, 1], target_permute_dims=[2, 1])
    end do
    print '(a, 2(1x, es12.5))', 'rates', learner%get_learning_rate(), learner%last_learning_rate()
    call learner%names(names)
    print '(a, l2)', 'names', any(names == 'trainer.exp_avg.net.4.weight') .and. all(names /= '')
    print '(a, 1x, i0, 2(1x, a))', 'count', size(names), trim(names(1)), trim(names(size(names)))
    call learner%contract(contract)
    print '(a, l2)', 'contract', index(contract, '"kind": "training"') > 0
    ones = 1
    call torch_tensor_from_array(weight, ones)
    call learner%set_tensor('net.4.weight', weight)
    call learner%get_tensor('net.4.weight', other)
    ones = 2                                            ! the trainer has a copy
    call torch_tensor_to_array(other, values)
    print '(a, 2(1x, f4.1))', 'values', minval(values), maxval(values)
    ones(1, :) = [(real(step, real64), step=1, 16)]
    call learner%set_tensor('net.4.weight', ones)       ! arrays, whole and by the step, of either kind, and a number
    call learner%set_tensor('net.4.bias', [3.0], convert=.true.)
    call torch_trainer_set_tensor(learner, 'net.1.running_mean', values(1, :))
    ones = 0
    call learner%get_tensor('net.4.weight', ones(:, 16:1:-1), stat=step)
    call learner%get_tensor('net.4.weight', rounded, convert=.true.)
    call torch_trainer_get_tensor(learner, 'net.4.bias', bias, convert=.true.)
    call learner%get_tensor('net.1.running_mean', values(1, :))
    call learner%get_tensor('trainer.step', steps)
    print '(a, *(1x, f5.1))', 'arrays', ones(1, 1), ones(1, 16), rounded(1, 1), rounded(1, 16), bias, sum(values)
    print '(a, 2(1x, i0))', 'number', steps, step
    x(2, 5) = x(2, 5) / 0.0_real64                      ! a field that blew up
    call learner%step(x, y, loss, permute_dims=[2, 1], target_permute_dims=[2, 1])
    print '(a, l2, 1x, i0)', 'skipped', loss /= loss, learner%count()
  end subroutine settings

  subroutine weights()
    !! The trained weights in a model of the package itself and in a TorchScript file of the same network.
    type(torch_trainer) :: learner
    type(torch_model) :: own, script
    real(real32), target :: x(1, batch), y(1, batch), a(1, batch), b(1, batch)
    real(real32) :: loss
    integer :: step
    call read_real32('line_x.bin', x)
    call read_real32('line_y.bin', y)
    call learner%load(package)
    call torch_model_load(own, package)
    call torch_model_load(script, 'line.pt')
    do step = 1, 300
      call learner%step(x, y, loss, permute_dims=[2, 1], target_permute_dims=[2, 1])
    end do
    call learner%evaluate(x, y, loss, permute_dims=[2, 1], target_permute_dims=[2, 1])
    call own%take_weights(learner)
    call script%take_weights(learner)
    call own%infer(x, a, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call script%infer(x, b, permute_dims=[2, 1], output_permute_dims=[2, 1])
    print '(es23.16)', loss, sum((a - y)**2) / batch, sum((b - y)**2) / batch
  end subroutine weights

  subroutine report(name, stat, errmsg)
    character(len=*), intent(in) :: name, errmsg
    integer, intent(in) :: stat
    print '(a, 1x, i0, 1x, a)', name, stat, trim(errmsg)
  end subroutine report

  subroutine mistakes()
    type(torch_trainer) :: learner, none
    type(torch_model) :: model
    type(torch_tensor) :: inputs(2), targets(1)
    real(real32), target :: x(1, batch), y(1, batch), short(1, 5)
    real(real64), target :: x_double(1, batch)
    real(real64) :: loss
    character(len=:), allocatable :: names(:)
    integer :: stat
    character(len=500) :: errmsg
    x = 0
    y = 0
    x_double = 0
    loss = -1
    errmsg = ''
    call learner%load(package)
    call learner%step(x, y, loss, stat=stat, errmsg=errmsg)
    call report('shape', stat, errmsg)
    call learner%step(x, short, loss, permute_dims=[2, 1], target_permute_dims=[2, 1], stat=stat, errmsg=errmsg)
    call report('batch', stat, errmsg)
    call learner%step(x_double, y, loss, permute_dims=[2, 1], target_permute_dims=[2, 1], stat=stat, errmsg=errmsg)
    call report('dtype', stat, errmsg)
    call learner%step(x(1, :), y, loss, target_permute_dims=[2, 1], stat=stat, errmsg=errmsg)
    call report('rank', stat, errmsg)
    call learner%step(x(:, batch:1:-1), y, loss, permute_dims=[2, 1], target_permute_dims=[2, 1], stat=stat, errmsg=errmsg)
    call report('backwards', stat, errmsg)
    call torch_tensor_from_array(inputs(1), x, permute_dims=[2, 1])
    call torch_tensor_from_array(inputs(2), x, permute_dims=[2, 1])
    call torch_tensor_from_array(targets(1), y, permute_dims=[2, 1])
    call learner%step_tensors(inputs, targets, loss, stat=stat, errmsg=errmsg)
    call report('count', stat, errmsg)
    call none%step(x, y, loss, stat=stat, errmsg=errmsg)
    call report('null', stat, errmsg)
    call learner%set_learning_rate(-1.0_real64, stat=stat, errmsg=errmsg)
    call report('rate', stat, errmsg)
    call learner%get_tensor('nothing', targets(1), stat=stat, errmsg=errmsg)
    call report('name', stat, errmsg)
    call learner%set_tensor('net.0.weight', inputs(1), stat=stat, errmsg=errmsg)
    call report('values', stat, errmsg)
    call learner%set_tensor('net.0.weight', x, stat=stat, errmsg=errmsg)
    call report('array', stat, errmsg)
    call learner%set_tensor('net.0.bias', x_double(1, :16), stat=stat, errmsg=errmsg)
    call report('kind', stat, errmsg)
    call learner%get_tensor('nothing', x, stat=stat, errmsg=errmsg)
    call report('unknown', stat, errmsg)
    call learner%get_tensor('net.0.weight', x, stat=stat, errmsg=errmsg)
    call report('room', stat, errmsg)
    call learner%get_tensor('net.0.bias', x_double(1, :16), stat=stat, errmsg=errmsg)
    call report('holds', stat, errmsg)
    call none%names(names, stat=stat, errmsg=errmsg)
    call report('names', stat, errmsg)
    call torch_model_load(model, 'other.pt')
    call model%take_weights(learner, stat=stat, errmsg=errmsg)
    call report('weights', stat, errmsg)
    print '(a, f5.1, 1x, i0)', 'nothing happened', loss, learner%count()
  end subroutine mistakes

  subroutine files()
    type(torch_trainer) :: learner
    integer :: stat
    character(len=500) :: errmsg
    errmsg = ''
    call learner%load('nothing.pt2', stat=stat, errmsg=errmsg)
    call report('missing', stat, errmsg)
    call learner%load('line.pt', stat=stat, errmsg=errmsg)
    call report('torchscript', stat, errmsg)
    call learner%load('flipped.pt2', stat=stat, errmsg=errmsg)
    call report('flipped', stat, errmsg)
    call learner%load('short.pt2', stat=stat, errmsg=errmsg)
    call report('short', stat, errmsg)
    call learner%load(package, sha256='00ff', stat=stat, errmsg=errmsg)
    call report('sha256', stat, errmsg)
    call learner%load(package)
    call learner%restore('nothing.state', stat=stat, errmsg=errmsg)
    call report('state', stat, errmsg)
    call learner%restore('other.state', stat=stat, errmsg=errmsg)
    call report('other', stat, errmsg)
    call learner%save('no_folder/some.state', stat=stat, errmsg=errmsg)
    call report('save', stat, errmsg)
  end subroutine files

  subroutine flat()
    !! 20 000 steps: the memory that is used stays the same.
    type(torch_trainer) :: learner
    real(real32), target :: x(1, batch), y(1, batch)
    real(real32) :: loss
    integer :: step, before
    call read_real32('line_x.bin', x)
    call read_real32('line_y.bin', y)
    call learner%load(package)
    before = 0
    do step = 1, 20000
      call learner%step(x, y, loss, permute_dims=[2, 1], target_permute_dims=[2, 1])
      if (step == 2000) before = resident()
    end do
    print '(a, i0)', 'growth ', resident() - before
  end subroutine flat

end program trainer
