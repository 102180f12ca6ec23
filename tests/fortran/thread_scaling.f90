program thread_scaling
  !! Seconds for the same number of calls of one model by 1, 2 and 4 threads: the best of several rounds.
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: ftorch
  implicit none (type, external)
  integer, parameter :: calls = 200000, least_rounds = 5, counts(3) = [1, 2, 4]
  real(real64), parameter :: enough = 10  ! seconds, so that other work on the machine does not meet all rounds
  real(real64) :: best(3), spent, took
  type(torch_model) :: model
  character(len=100) :: file
  integer :: round, n
  call get_command_argument(1, file)
  call torch_model_load(model, trim(file))
  best = huge(best)
  spent = 0
  round = 0
  do while (round < least_rounds .or. spent < enough)
    round = round + 1
    do n = 1, 3
      took = seconds(counts(n))
      best(n) = min(best(n), took)
      spent = spent + took
    end do
  end do
  write (*, '(3es12.4)') best

contains

  function seconds(team)
    integer, intent(in) :: team
    real(real64) :: seconds
    integer(int64) :: first, last, rate
    integer :: thread, wrong
    wrong = 0
    call system_clock(first)
    !$omp parallel do num_threads(team) reduction(+:wrong)
    do thread = 1, team
      call some_calls(thread, calls / team, wrong)
    end do
    call system_clock(last, rate)
    if (wrong /= 0) error stop 'wrong numbers'
    seconds = real(last - first, real64) / real(rate, real64)
  end function seconds

  subroutine some_calls(thread, count, wrong)
    integer, intent(in) :: thread, count
    integer, intent(inout) :: wrong
    real(real32), target :: x(5), y(3)
    integer :: i, k
    do i = 1, count
      x = real(thread + mod(i, 7), real32)
      call model%infer(x, y)
      if (any(abs(y - [(15 * k * x(1) + k - 1, k=1, 3)]) > 0)) wrong = wrong + 1
    end do
  end subroutine some_calls

end program thread_scaling
