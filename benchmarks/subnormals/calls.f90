program subnormals
  !! Times calls of a model with ordinary and with subnormal inputs, and with those flushed to zero, in turns; prints microseconds
  !! (the least of all turns). Arguments: model file, columns, values per column.
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: ftorch
  implicit none (type, external)
  integer, parameter :: turns = 30
  character(len=300) :: file, word
  integer :: columns, values
  call get_command_argument(1, file)
  call get_command_argument(2, word)
  read (word, *) columns
  call get_command_argument(3, word)
  read (word, *) values
  call compare()

contains

  subroutine compare()
    type(torch_model) :: model
    real(real32), allocatable, target :: ordinary(:, :), small(:, :), y(:, :)
    real(real64) :: least(3)
    integer(int64) :: counted
    integer :: turn
    allocate (ordinary(values, columns), small(values, columns), y(values, columns))
    call random_number(ordinary)
    small = ordinary * 1e-39_real32
    call torch_set_num_threads(1)
    call torch_model_load(model, trim(file))
    least = huge(least)
    do turn = 1, turns
      call torch_set_flush_denormals(.false.)
      least(1) = min(least(1), microseconds(model, ordinary, y))
      least(2) = min(least(2), microseconds(model, small, y))
      call torch_set_flush_denormals(.true.)
      least(3) = min(least(3), microseconds(model, small, y))
    end do
    call model%stats(subnormal_calls=counted)
    if (counted /= turns) error stop 'calls with subnormal numbers were not counted as they are'
    write (*, '(3(f0.1, 1x))') least
  end subroutine compare

  real(real64) function microseconds(model, x, y)
    type(torch_model), intent(in) :: model
    real(real32), intent(in), target :: x(:, :)
    real(real32), intent(inout), target :: y(:, :)
    integer(int64) :: start, finish, rate
    call system_clock(start, rate)
    call model%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call system_clock(finish)
    microseconds = 1e6_real64 * real(finish - start, real64) / real(rate, real64)
  end function microseconds

end program subnormals
