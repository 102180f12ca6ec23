module train_plain
  !! The C++ contestants, plain.cpp.
  use, intrinsic :: iso_c_binding, only: c_char, c_float, c_int32_t, c_int64_t, c_ptr
  implicit none (type, external)
  private

  public :: training_load, training_steps

  interface
    function training_load(path, x, y, batch, n_in, n_out, adam, usual) result(training) bind(C)
      import :: c_char, c_float, c_int32_t, c_int64_t, c_ptr
      implicit none (type, external)
      character(kind=c_char), intent(in) :: path(*)
      real(c_float), intent(in), target :: x(*), y(*)
      integer(c_int64_t), value :: batch, n_in, n_out
      integer(c_int32_t), value :: adam, usual
      type(c_ptr) :: training
    end function training_load
    function training_steps(training, steps) result(loss) bind(C)
      import :: c_float, c_int64_t, c_ptr
      implicit none (type, external)
      type(c_ptr), value :: training
      integer(c_int64_t), value :: steps
      real(c_float) :: loss
    end function training_steps
  end interface

end module train_plain

program train
  !! Times the training steps of one case (a network, a batch size, an optimizer) against each other in one process.
  !!
  !! Usage: `steps CASE.nml`. The first line of output are the contestants' names. Reads the order in which to load, makes the first
  !! steps and answers the losses after them; then each line of standard input is an order of contestants, each answer their
  !! nanoseconds per step.
  use, intrinsic :: iso_c_binding, only: c_null_char, c_ptr
  use, intrinsic :: iso_fortran_env, only: int64, output_unit, real32, real64
  use ftorch
  use train_plain, only: training_load, training_steps
  implicit none (type, external)

  integer, parameter :: fortran = 1, fused = 2, usual = 3, contestants = 3
  character(len=12), parameter :: names(contestants) = [character(len=12) :: 'fortran', 'plain', 'torch_optim']

  character(len=1000) :: model = '', data = ''
  integer :: n_in = 0, n_out = 0, batch = 0, first_steps = 20
  real(real64) :: block_us = 500
  logical :: adam = .true.
  namelist /case/ model, data, n_in, n_out, batch, first_steps, block_us, adam

  type(torch_model) :: network
  type(torch_optim) :: optim
  type(torch_tensor) :: input(1), target_values
  type(c_ptr) :: plain(contestants)
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
    if (contestant == fortran) then
      call torch_model_load(network, model, requires_grad=.true., is_training=.true.)
      if (adam) then
        call torch_optim_Adam(optim, network, learning_rate=1e-3_real64)
      else
        call torch_optim_SGD(optim, network, learning_rate=1e-3_real64, momentum=0.9_real64)
      end if
    else
      plain(contestant) = training_load(trim(model) // c_null_char, x, y, int(batch, int64), int(n_in, int64), &
        int(n_out, int64), merge(1, 0, adam), merge(1, 0, contestant == usual))
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
    if (contestant /= fortran) then
      losses(contestant) = training_steps(plain(contestant), n_steps)
      return
    end if
    do n = 1, n_steps
      call optim%zero_grad()
      call torch_model_forward(network, input, output, requires_grad=.true.)
      call torch_loss_mse(loss, output(1), target_values)
      call torch_tensor_backward(loss)
      call optim%step()
    end do
    losses(fortran) = value_of(loss)
  end subroutine run

  real(real32) function value_of(loss)
    type(torch_tensor), intent(in) :: loss
    real(real32), pointer :: value
    call torch_tensor_to_array(loss, value)
    value_of = value
  end function value_of

end program train
