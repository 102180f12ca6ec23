program thread_scaling
  !! What the same number of calls of one model costs by 1, 2 and 4 threads, as the least of several rounds: seconds of processor
  !! time, and how often the first thread waited for something. Neither depends on what else the machine does.
  use, intrinsic :: iso_fortran_env, only: real32, real64
  use :: ftorch
  implicit none (type, external)
  integer, parameter :: calls = 200000, least_rounds = 5, counts(3) = [1, 2, 4]
  real(real64), parameter :: enough = 10
  real(real64) :: best(3), spent, took
  integer :: waits(3), waited
  type(torch_model) :: model
  character(len=100) :: file
  integer :: round, n
  call get_command_argument(1, file)
  call torch_model_load(model, trim(file))
  best = huge(best)
  waits = huge(waits)
  spent = 0
  round = 0
  do while (round < least_rounds .or. spent < enough)
    round = round + 1
    do n = 1, 3
      waited = times_waited()
      took = seconds(counts(n))
      waits(n) = min(waits(n), times_waited() - waited)
      best(n) = min(best(n), took)
      spent = spent + took
    end do
  end do
  write (*, '(3es12.4, 3(1x, i0))') best, waits

contains

  function seconds(team)
    integer, intent(in) :: team
    real(real64) :: seconds
    real(real64) :: first, last
    integer :: thread, wrong
    wrong = 0
    call cpu_time(first)
    !$omp parallel do num_threads(team) reduction(+:wrong)
    do thread = 1, team
      call some_calls(thread, calls / team, wrong)
    end do
    call cpu_time(last)
    if (wrong /= 0) error stop 'wrong numbers'
    seconds = last - first
  end function seconds

  function times_waited() result(count)
    integer :: count
    integer :: unit, ended
    character(len=200) :: line
    count = -1
    open (newunit=unit, file='/proc/thread-self/status', action='read')
    do
      read (unit, '(a)', iostat=ended) line
      if (ended /= 0) exit
      if (index(line, 'voluntary_ctxt_switches:') == 1) read (line(25:), *) count
    end do
    close (unit)
  end function times_waited

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
