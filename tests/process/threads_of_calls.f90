program threads_of_calls
  !! How many threads a call may use, and how many the process has after calls of two sizes: threads_of_calls FILE.
  use, intrinsic :: iso_fortran_env, only: real32
  use :: ftorch
  implicit none (type, external)
  type(torch_model) :: model
  real(real32), allocatable, target :: x(:, :), y(:, :)
  character(len=200) :: file
  integer :: i
  call get_command_argument(1, file)
  call torch_model_load(model, trim(file))
  allocate (x(64, 4096), y(64, 4096))
  x = 1
  call model%infer(x(:, :3), y(:, :3), permute_dims=[2, 1], output_permute_dims=[2, 1])
  write (*, '(i0, 1x, i0)', advance='no') torch_get_num_threads(), tasks()
  do i = 1, 3
    call model%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
  end do
  if (any(abs(y - spread(y(:, 1), 2, 4096)) > 1e-5)) error stop 'wrong numbers'
  write (*, '(1x, i0)') tasks()

contains

  integer function tasks()
    integer :: unit, ended
    character(len=200) :: line
    tasks = -1
    open (newunit=unit, file='/proc/self/status', action='read')
    do
      read (unit, '(a)', iostat=ended) line
      if (ended /= 0) exit
      if (index(line, 'Threads:') == 1) read (line(9:), *) tasks
    end do
    close (unit)
  end function tasks

end program threads_of_calls
