program blas_calls
  !! Prints how many microseconds a call of a model takes, the least of 300. Arguments: model file, columns, values per column.
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: ftorch, only: torch_model, torch_model_infer, torch_model_load
  implicit none (type, external)
  integer, parameter :: turns = 300
  character(len=300) :: file, word
  type(torch_model) :: model
  real(real32), allocatable, target :: x(:, :), y(:, :)
  integer :: columns, values, turn
  integer(int64) :: start, finish, rate, least
  call get_command_argument(1, file)
  call get_command_argument(2, word)
  read (word, *) columns
  call get_command_argument(3, word)
  read (word, *) values
  allocate (x(values, columns), y(values, columns))
  call random_number(x)
  call torch_model_load(model, file)
  least = huge(least)
  do turn = 1, turns
    call system_clock(start, rate)
    call torch_model_infer(model, x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call system_clock(finish)
    least = min(least, finish - start)
  end do
  write (*, '(f0.1)') real(least, real64) * 1e6_real64 / real(rate, real64)
end program blas_calls
