program generated_training
  !! A generated module of a training package beside the trainer of the same file: what it computes before and after it took
  !! what the trainer has learned, the loss that the trainer says, and what taking says without a trainer and without a model.
  use, intrinsic :: iso_fortran_env, only: real32, real64
  use :: ftorch, only: torch_live_handles, torch_trainer
  use :: line_network, only: init, run, self_test, self_test_tolerance, take_weights, finalize
  implicit none (type, external)
  character(len=500) :: package
  call get_command_argument(1, package)
  call demonstrate()
  print '(a, 1x, i0)', 'live', torch_live_handles()

contains

  subroutine demonstrate()
    integer, parameter :: batch = 32
    type(torch_trainer) :: trainer, nobody
    real(real32), target :: x(1, batch), y(1, batch), found(1, batch)
    real(real32) :: loss
    real(real64) :: difference
    character(len=200) :: message
    integer :: step, stat
    call read_values('line_x.bin', x)
    call read_values('line_y.bin', y)
    call trainer%load(package)
    call take_weights(trainer, stat, message)
    print '(a, i0, 2a)', 'early ', stat, ' ', trim(message)
    call init(package)
    call self_test(difference)
    print '(a, l1)', 'test ', difference <= self_test_tolerance
    call run(x, found)
    print '(a, es14.7)', 'first ', sum((found - y)**2) / batch
    do step = 1, 50
      call trainer%step(x, y, loss, permute_dims=[2, 1], target_permute_dims=[2, 1])
    end do
    call trainer%evaluate(x, y, loss, permute_dims=[2, 1], target_permute_dims=[2, 1])
    print '(a, es14.7)', 'learned ', loss
    call run(x, found)
    print '(a, es14.7)', 'still ', sum((found - y)**2) / batch
    call take_weights(nobody, stat, message)
    print '(a, i0, 2a)', 'nobody ', stat, ' ', trim(message)
    call take_weights(trainer)
    call run(x, found)
    print '(a, es14.7)', 'taken ', sum((found - y)**2) / batch
    call run(x(:, 3), found(:, 1))
    print '(a, l1)', 'sample ', abs(found(1, 1) - found(1, 3)) < 1e-6_real32
    call finalize()
  end subroutine demonstrate

  subroutine read_values(name, array)
    character(len=*), intent(in) :: name
    real(real32), intent(out) :: array(:, :)
    integer :: unit
    open (newunit=unit, file=name, access='stream', form='unformatted', action='read', status='old')
    read (unit) array
    close (unit)
  end subroutine read_values

end program generated_training
