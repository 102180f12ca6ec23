program rollout
  !! Trains a network through several steps of its host: `rollout PACKAGE`. The test compares the numbers.
  use, intrinsic :: iso_fortran_env, only: real64
  use :: ftorch
  implicit none (type, external)
  integer, parameter :: batch = 6, cells = 4, steps = 4
  call learn()
  print '(a, 1x, i0)', 'live', torch_live_handles()

contains

  subroutine learn()
    !! The forecasts grow by a step after every fifth update. Then the networks alone get the weights.
    type(torch_trainer) :: trainer, other
    type(torch_model) :: host, part, one
    type(torch_tensor) :: inputs(3), targets(1)
    real(real64), target :: u(cells, batch), driver(cells, steps, batch), truth(cells, steps, batch), weights(steps)
    real(real64), target :: changed(cells, batch)
    real(real64), allocatable, target :: learned(:)
    real(real64) :: loss
    character(len=500) :: package, errmsg
    integer :: update, stat, unit
    call get_command_argument(1, package)
    open (newunit=unit, file='rollout.bin', access='stream', form='unformatted', action='read', status='old')
    read (unit) u, driver, truth
    close (unit)
    call trainer%load(package)
    call torch_tensor_from_array(inputs(1), u, permute_dims=[2, 1])
    call torch_tensor_from_array(inputs(2), driver, permute_dims=[3, 2, 1])
    call torch_tensor_from_array(inputs(3), weights)
    call torch_tensor_from_array(targets(1), truth, permute_dims=[3, 2, 1])
    do update = 1, 5 * steps
      weights = 0
      weights(:(update + 4) / 5) = 1
      call trainer%step_tensors(inputs, targets, loss)
      print '(es24.17)', loss
      if (update /= 10) cycle
      call trainer%save('rollout.state')      ! and go on with the trainer of another file
      call other%load(package)
      call other%restore('rollout.state')
      trainer = other
    end do
    call torch_model_load(host, 'growing.pt')
    call host%take_weights(trainer)
    allocate (learned(torch_model_flat_size(host)))
    call torch_model_flatten(host, learned)
    call torch_model_load(part, 'part.pt')
    call part%take_weights(trainer)
    call part%infer(u, changed, permute_dims=[2, 1], output_permute_dims=[2, 1])
    print '(es24.17)', sum(learned**2), sum(changed**2)
    call torch_model_load(one, 'one.pt')
    call one%take_weights(trainer, stat=stat, errmsg=errmsg)
    print '(a, 1x, i0, 1x, a)', 'several', stat, trim(errmsg)
    call torch_model_load(one, 'other.pt')
    call one%take_weights(trainer, stat=stat, errmsg=errmsg)
    print '(a, 1x, i0, 1x, a)', 'other', stat, trim(errmsg)
  end subroutine learn
end program rollout
