program train_compiled
  !! Times steps of a compiled training against the same training through the library's optimizers, in one process.
  !!
  !! Usage: `steps CASE.nml`. The first line of output are the contestants' names. Reads the order in which to load, makes
  !! the first steps and answers the losses after them; then each line of standard input is an order of contestants, each answer
  !! their nanoseconds per step.
  use, intrinsic :: iso_fortran_env, only: int64, output_unit, real32, real64
  use ftorch
  implicit none (type, external)

  integer, parameter :: compiled = 1, library = 2, contestants = 2
  character(len=8), parameter :: names(contestants) = [character(len=8) :: 'compiled', 'library']

  character(len=1000) :: model = '', package = '', data = ''
  integer :: n_in = 0, n_out = 0, batch = 0, first_steps = 20
  real(real64) :: block_us = 500
  namelist /case/ model, package, data, n_in, n_out, batch, first_steps, block_us

  type(torch_trainer) :: trainer
  type(torch_model) :: network
  type(torch_optim) :: optim
  type(torch_tensor) :: input(1), target_values
  real(real32), allocatable, target :: x(:, :), y(:, :)
  real(real32) :: losses(contestants)
  real(real64) :: nanoseconds(contestants)
  integer(int64) :: steps(contestants)
  integer :: order(contestants), i, status

  call prepare()
  write (output_unit, '(*(a, 1x))') (trim(names(i)), i=1, contestants)
  flush (output_unit)
  read (*, *) order
  do i = 1, contestants
    call load(order(i))
  end do
  do i = 1, contestants
    call run(order(i), int(first_steps, int64))
  end do
  write (output_unit, '(*(es15.8, 1x))') losses
  flush (output_unit)
  do i = 1, contestants
    steps(i) = max(1_int64, int(1000 * block_us / timed(i, 5_int64), int64))
  end do
  do
    read (*, *, iostat=status) order
    if (status /= 0) exit
    do i = 1, contestants
      nanoseconds(order(i)) = timed(order(i), steps(order(i)))
    end do
    write (output_unit, '(*(es14.7, 1x))') nanoseconds
    flush (output_unit)
  end do

contains

  subroutine prepare()
    character(len=1000) :: filename
    integer :: unit
    call get_command_argument(1, filename)
    open (newunit=unit, file=filename, status='old', action='read')
    read (unit, nml=case)
    close (unit)
    allocate (x(n_in, batch), y(n_out, batch))
    open (newunit=unit, file=data, access='stream', form='unformatted', status='old', action='read')
    read (unit) x, y
    close (unit)
    call torch_tensor_from_array(input(1), x, permute_dims=[2, 1])
    call torch_tensor_from_array(target_values, y, permute_dims=[2, 1])
  end subroutine prepare

  subroutine load(contestant)
    integer, intent(in) :: contestant
    if (contestant == compiled) then
      call trainer%load(package)
    else
      call torch_model_load(network, model, requires_grad=.true., is_training=.true.)
      call torch_optim_Adam(optim, network, learning_rate=1e-3_real64)
    end if
  end subroutine load

  real(real64) function timed(contestant, n_steps)
    !! Nanoseconds per step. A block of several steps starts with one that does not count and fills the caches.
    integer, intent(in) :: contestant
    integer(int64), intent(in) :: n_steps
    integer(int64) :: start, finish, rate
    if (n_steps > 1) call run(contestant, 1_int64)
    call system_clock(start, rate)
    call run(contestant, n_steps)
    call system_clock(finish)
    timed = 1.0e9_real64 * real(finish - start, real64) / real(rate, real64) / real(n_steps, real64)
  end function timed

  subroutine run(contestant, n_steps)
    integer, intent(in) :: contestant
    integer(int64), intent(in) :: n_steps
    type(torch_tensor) :: output(1), loss
    integer(int64) :: n
    if (contestant == compiled) then
      do n = 1, n_steps
        call trainer%step(x, y, losses(compiled), permute_dims=[2, 1], target_permute_dims=[2, 1])
      end do
      return
    end if
    do n = 1, n_steps
      call optim%zero_grad()
      call torch_model_forward(network, input, output, requires_grad=.true.)
      call torch_loss_mse(loss, output(1), target_values)
      call torch_tensor_backward(loss)
      call optim%step()
    end do
    call torch_tensor_item(loss, losses(library))
  end subroutine run

end program train_compiled
