module bench_plain
  !! The C++ contestant, plain.cpp.
  use, intrinsic :: iso_c_binding, only: c_char, c_float, c_int64_t, c_ptr
  implicit none (type, external)
  private

  public :: plain_load, plain_forward, plain_from_blob

  interface
    function plain_load(path, input, output, batch, n_in) result(plain) bind(C)
      import :: c_char, c_float, c_int64_t, c_ptr
      implicit none (type, external)
      character(kind=c_char), intent(in) :: path(*)
      real(c_float), intent(in), target :: input(*)
      real(c_float), intent(inout), target :: output(*)
      integer(c_int64_t), value :: batch, n_in
      type(c_ptr) :: plain
    end function plain_load
    subroutine plain_forward(plain, calls) bind(C)
      import :: c_int64_t, c_ptr
      implicit none (type, external)
      type(c_ptr), value :: plain
      integer(c_int64_t), value :: calls
    end subroutine plain_forward
    subroutine plain_from_blob(data, batch, n_in, calls) bind(C)
      import :: c_float, c_int64_t
      implicit none (type, external)
      real(c_float), intent(in), target :: data(*)
      integer(c_int64_t), value :: batch, n_in, calls
    end subroutine plain_from_blob
  end interface

end module bench_plain

program time_calls
  !! Times the contestants of one case (a network and a batch size) against each other in one process.
  !!
  !! Usage: `calls CASE.nml`. Reads the order in which to load the contestants' models, then rounds: each line of standard input is
  !! an order of contestants, each answer their nanoseconds per call. The first line of output are the contestants' names. At the
  !! end of input it writes what they computed.
  use, intrinsic :: iso_c_binding, only: c_null_char, c_ptr
  use, intrinsic :: iso_fortran_env, only: int64, output_unit, real32, real64
  use ftorch, only: torch_model, torch_model_forward, torch_model_load, torch_tensor, torch_tensor_delete, &
    torch_tensor_from_array
  use bench_loops, only: apply, perceptron, read_perceptron
  use bench_plain, only: plain_forward, plain_from_blob, plain_load
  implicit none (type, external)

  integer, parameter :: forward = 1, infer = 2, bare_forward = 3, plain = 4, from_array = 5, from_blob = 6, loops = 7
  character(len=12), parameter :: names(*) = &
    [character(len=12) :: 'forward', 'infer', 'bare_forward', 'plain', 'from_array', 'from_blob', 'loops']
  integer, parameter :: models_of_ours = 3
    !! forward, infer, bare_forward
  integer(int64), parameter :: first_calls = 4
    !! A model's first calls are slow: libtorch watches them to optimize the later ones

  character(len=1000) :: model = '', bare_model = '', weights = '', inputs = '', outputs = ''
  integer :: n_in = 0, n_out = 0, batch = 0
  real(real64) :: block_us = 500
    !! Microseconds that a block of calls should last
  namelist /case/ model, bare_model, weights, inputs, outputs, n_in, n_out, batch, block_us

  type(torch_model) :: models(models_of_ours)
  type(torch_tensor) :: input(1), output(1, models_of_ours)
  type(c_ptr) :: yardstick
  type(perceptron) :: by_hand
  real(real32), allocatable, target :: x(:, :), y(:, :, :)
  real(real64), allocatable :: nanoseconds(:)
  integer(int64), allocatable :: calls(:)
  integer, allocatable :: order(:)
  integer :: contestants, i, status

  call prepare()
  write (output_unit, '(*(a, 1x))') (trim(names(i)), i=1, contestants)
  flush (output_unit)
  read (*, *) order
  call load(order)
  do i = 1, contestants
    calls(i) = max(1_int64, int(1000 * block_us / timed(i, 3_int64), int64))
  end do
  do
    read (*, *, iostat=status) order
    if (status /= 0) exit
    do i = 1, contestants
      nanoseconds(order(i)) = timed(order(i), calls(order(i)))
    end do
    write (output_unit, '(*(es14.7, 1x))') nanoseconds
    flush (output_unit)
  end do
  call write_outputs()

contains

  subroutine prepare()
    character(len=1000) :: filename
    integer :: unit, k
    call get_command_argument(1, filename)
    open (newunit=unit, file=filename, status='old', action='read')
    read (unit, nml=case)
    close (unit)
    contestants = merge(loops, loops - 1, weights /= '')
    allocate (x(n_in, batch), y(n_out, batch, loops), nanoseconds(contestants), calls(contestants), order(contestants))
    y = 0
    open (newunit=unit, file=inputs, access='stream', form='unformatted', status='old', action='read')
    read (unit) x
    close (unit)
    if (weights /= '') call read_perceptron(by_hand, weights)
    call torch_tensor_from_array(input(1), x, permute_dims=[2, 1])
    do k = 1, models_of_ours
      call torch_tensor_from_array(output(1, k), y(:, :, k), permute_dims=[2, 1])
    end do
  end subroutine prepare

  subroutine load(sequence)
    !! Loads the models, one for each contestant, so that nobody profits from another's first calls.
    integer, intent(in) :: sequence(:)
    integer :: k
    do k = 1, size(sequence)
      select case (sequence(k))
      case (forward, infer)
        call torch_model_load(models(sequence(k)), model)
      case (bare_forward)
        call torch_model_load(models(bare_forward), bare_model)
      case (plain)
        yardstick = plain_load(trim(model) // c_null_char, x, y(:, :, plain), int(batch, int64), int(n_in, int64))
      case default
        cycle  ! the others have none
      end select
    end do
    do k = 1, contestants
      call run(k, first_calls)
    end do
  end subroutine load

  real(real64) function timed(contestant, n_calls)
    !! Nanoseconds per call. A block of several calls starts with one that does not count and fills the caches.
    integer, intent(in) :: contestant
    integer(int64), intent(in) :: n_calls
    integer(int64) :: start, finish, rate
    if (n_calls > 1) call run(contestant, 1_int64)
    call system_clock(start, rate)
    call run(contestant, n_calls)
    call system_clock(finish)
    timed = 1.0e9_real64 * real(finish - start, real64) / real(rate, real64) / real(n_calls, real64)
  end function timed

  subroutine run(contestant, n_calls)
    integer, intent(in) :: contestant
    integer(int64), intent(in) :: n_calls
    type(torch_tensor) :: tensor
    integer(int64) :: n
    select case (contestant)
    case (forward, bare_forward)
      do n = 1, n_calls
        call torch_model_forward(models(contestant), input, output(:, contestant))
      end do
    case (infer)
      do n = 1, n_calls
        call models(infer)%infer(x, y(:, :, infer), permute_dims=[2, 1], output_permute_dims=[2, 1])
      end do
    case (plain)
      call plain_forward(yardstick, n_calls)
    case (from_array)
      do n = 1, n_calls
        call torch_tensor_from_array(tensor, x, permute_dims=[2, 1])
        call torch_tensor_delete(tensor)
      end do
    case (from_blob)
      call plain_from_blob(x, int(batch, int64), int(n_in, int64), n_calls)
    case default
      do n = 1, n_calls
        call apply(by_hand, x, y(:, :, loops))
      end do
    end select
  end subroutine run

  subroutine write_outputs()
    !! The result of every contestant that computes one, in their order.
    integer :: unit, k
    open (newunit=unit, file=outputs, access='stream', form='unformatted', status='replace', action='write')
    do k = 1, contestants
      if (k /= from_array .and. k /= from_blob) write (unit) y(:, :, k)
    end do
    close (unit)
  end subroutine write_outputs

end program time_calls
