module compiled_plain
  !! The C++ contestants, plain.cpp.
  use, intrinsic :: iso_c_binding, only: c_char, c_int32_t, c_int64_t, c_ptr
  implicit none (type, external)
  private

  public :: plain_load, plain_forward

  interface
    function plain_load(path, compiled, element_bytes, n_inputs, rank, shapes, inputs, output) result(plain) bind(C)
      import :: c_char, c_int32_t, c_int64_t, c_ptr
      implicit none (type, external)
      character(kind=c_char), intent(in) :: path(*)
      integer(c_int32_t), value :: compiled, element_bytes, n_inputs
      integer(c_int32_t), intent(in) :: rank(*)
      integer(c_int64_t), intent(in) :: shapes(4, *)
      type(c_ptr), intent(in) :: inputs(*)
      type(c_ptr), value :: output
      type(c_ptr) :: plain
    end function plain_load
    subroutine plain_forward(plain, calls) bind(C)
      import :: c_int64_t, c_ptr
      implicit none (type, external)
      type(c_ptr), value :: plain
      integer(c_int64_t), value :: calls
    end subroutine plain_forward
  end interface

end module compiled_plain

program compiled
  !! Times the ways to run one network on one batch against each other in one process.
  !!
  !! Usage: `compiled CASE.nml`. Reads the order in which to load the contestants' models, then rounds: each line of standard input
  !! is an order of contestants, each answer their nanoseconds per call. The first line of output are the contestants' names. At
  !! the end of input it writes what they computed.
  use, intrinsic :: iso_c_binding, only: c_int32_t, c_int64_t, c_loc, c_null_char, c_ptr
  use, intrinsic :: iso_fortran_env, only: int64, int8, output_unit, real32, real64
  use ftorch, only: torch_kFloat32, torch_kFloat64, torch_model, torch_model_forward, torch_model_load, torch_tensor, &
    torch_tensor_from_pointer
  use bench_loops, only: apply, perceptron, read_perceptron
  use compiled_plain, only: plain_forward, plain_load
  implicit none (type, external)

  integer, parameter :: package_ours = 1, script_ours = 2, script_plain = 3, package_plain = 4, loops = 5
  character(len=13), parameter :: names(*) = &
    [character(len=13) :: 'package', 'script', 'script_plain', 'package_plain', 'loops']
  integer, parameter :: out = 3
    !! Place of the output, after at most two inputs
  integer(int64), parameter :: first_calls = 4
    !! A model's first calls are slow: libtorch watches them to optimize the later ones

  character(len=1000) :: package = '', script = '', plain_package = '', weights = '', inputs = '', outputs = ''
  integer :: n_inputs = 1
  integer(c_int32_t) :: element_bytes = 4, rank(3) = 1
  integer(c_int64_t) :: shapes(4, 3) = 1
  real(real64) :: block_us = 500
    !! Microseconds that a block of calls should last
  namelist /case/ package, script, plain_package, weights, inputs, outputs, n_inputs, element_bytes, rank, shapes, block_us

  type(torch_model) :: models(2)
  type(torch_tensor), allocatable :: input(:)
  type(torch_tensor) :: output(1, 2)
  type(c_ptr) :: yardsticks(script_plain:package_plain), addresses(2)
  type(perceptron) :: by_hand
  integer(int8), allocatable, target :: first(:), second(:), results(:, :)
  real(real32), allocatable :: x(:, :), y(:, :)
    !! For the loops
  real(real64), allocatable :: nanoseconds(:)
  integer(int64), allocatable :: calls(:)
  integer, allocatable :: present_ones(:), order(:)
  integer :: contestants, i, status

  call prepare()
  write (output_unit, '(*(a, 1x))') (trim(names(present_ones(i))), i=1, contestants)
  flush (output_unit)
  read (*, *) order
  do i = 1, contestants
    call load(present_ones(order(i)))
  end do
  do i = 1, contestants
    call run(present_ones(i), first_calls)
    calls(i) = max(1_int64, int(1000 * block_us / timed(present_ones(i), 3_int64), int64))
  end do
  do
    read (*, *, iostat=status) order
    if (status /= 0) exit
    do i = 1, contestants
      nanoseconds(order(i)) = timed(present_ones(order(i)), calls(order(i)))
    end do
    write (output_unit, '(*(es14.7, 1x))') nanoseconds
    flush (output_unit)
  end do
  call write_outputs()

contains

  subroutine prepare()
    character(len=1000) :: filename
    integer :: unit, k, dtype
    call get_command_argument(1, filename)
    open (newunit=unit, file=filename, status='old', action='read')
    read (unit, nml=case)
    close (unit)
    present_ones = [package_ours, script_ours, script_plain]
    if (plain_package /= '') present_ones = [present_ones, package_plain]
    if (weights /= '') present_ones = [present_ones, loops]
    contestants = size(present_ones)
    allocate (nanoseconds(contestants), calls(contestants), order(contestants), input(n_inputs))
    allocate (first(bytes(1)), second(bytes(2)), results(bytes(out), loops))
    results = 0_int8
    open (newunit=unit, file=inputs, access='stream', form='unformatted', status='old', action='read')
    read (unit) first
    if (n_inputs > 1) read (unit) second
    close (unit)
    addresses = [c_loc(first), c_loc(second)]
    dtype = merge(torch_kFloat64, torch_kFloat32, element_bytes == 8)
    do k = 1, n_inputs
      call torch_tensor_from_pointer(input(k), addresses(k), rank(k), shapes(:rank(k), k), dtype)
    end do
    do k = 1, 2
      call torch_tensor_from_pointer(output(1, k), c_loc(results(1, k)), rank(out), shapes(:rank(out), out), dtype)
    end do
    if (weights == '') return
    call read_perceptron(by_hand, weights)
    x = reshape(transfer(first, 1.0_real32, size(first) / 4), int(shapes(2:1:-1, 1)))
    allocate (y(shapes(2, out), shapes(1, out)))
  end subroutine prepare

  pure integer function bytes(place)
    integer, intent(in) :: place
    bytes = int(element_bytes * product(shapes(:rank(place), place)))
  end function bytes

  subroutine load(contestant)
    !! Loads a model, one for each contestant, so that nobody profits from another's first calls.
    integer, intent(in) :: contestant
    select case (contestant)
    case (package_ours)
      call torch_model_load(models(package_ours), package)
    case (script_ours)
      call torch_model_load(models(script_ours), script)
    case (script_plain)
      yardsticks(script_plain) = started(script, 0_c_int32_t, script_plain)
    case (package_plain)
      yardsticks(package_plain) = started(plain_package, 1_c_int32_t, package_plain)
    case default
    end select
  end subroutine load

  type(c_ptr) function started(path, is_compiled, contestant)
    character(len=*), intent(in) :: path
    integer(c_int32_t), intent(in) :: is_compiled
    integer, intent(in) :: contestant
    started = plain_load(trim(path) // c_null_char, is_compiled, element_bytes, int(n_inputs, c_int32_t), rank, shapes, &
      addresses, c_loc(results(1, contestant)))
  end function started

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
    integer(int64) :: n
    select case (contestant)
    case (package_ours, script_ours)
      do n = 1, n_calls
        call torch_model_forward(models(contestant), input, output(:, contestant))
      end do
    case (script_plain, package_plain)
      call plain_forward(yardsticks(contestant), n_calls)
    case default
      do n = 1, n_calls
        call apply(by_hand, x, y)
      end do
    end select
  end subroutine run

  subroutine write_outputs()
    !! The result of every contestant, in their order.
    integer :: unit, k
    if (weights /= '') results(:, loops) = transfer(y, results(:, loops))
    open (newunit=unit, file=outputs, access='stream', form='unformatted', status='replace', action='write')
    do k = 1, contestants
      write (unit) results(:, present_ones(k))
    end do
    close (unit)
  end subroutine write_outputs

end program compiled
