program openmp_host
  !! PyTorch uses the host's OpenMP run time: its settings, its threads and its parallel regions.
  use, intrinsic :: iso_fortran_env, only: real32
  use :: ftorch
  use :: omp_lib, only: omp_get_max_threads, omp_set_max_active_levels, omp_set_num_threads
  implicit none (type, external)
  type(torch_model) :: model
  integer :: wrong
  call torch_model_load(model, 'network.pt')
  if (torch_get_num_threads() /= 3) error stop 'OMP_NUM_THREADS is not obeyed'
  wrong = 0
  call infer(6400, wrong)
  call omp_set_num_threads(2)
  if (torch_get_num_threads() /= 2) error stop 'omp_set_num_threads is not obeyed'
  call infer(6400, wrong)
  if (omp_get_max_threads() /= 2) error stop 'the host''s thread count has changed'
  !$omp parallel num_threads(3) reduction(+:wrong)
  call infer(6400, wrong)
  !$omp end parallel
  if (wrong /= 0) error stop 'wrong numbers'
  if (threads() > 3) error stop 'threads of a second OpenMP run time'
  call omp_set_max_active_levels(2)
  !$omp parallel num_threads(2) reduction(+:wrong)
  !$omp parallel num_threads(2) reduction(+:wrong)
  call infer(64, wrong)
  !$omp end parallel
  !$omp end parallel
  if (wrong /= 0) error stop 'wrong numbers in a nested region'

contains

  subroutine infer(rows, wrong)
    integer, intent(in) :: rows
    integer, intent(inout) :: wrong
    real(real32), allocatable, target :: x(:, :), y(:, :)
    integer :: k
    allocate (x(128, rows), y(128, rows))
    x = 0.5_real32
    call model%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    do k = 2, rows
      if (any(abs(y(:, k) - y(:, 1)) > 1e-5_real32)) wrong = wrong + 1
    end do
  end subroutine infer

  function threads() result(count)
    !! Of this process, from the system
    integer :: count, unit, status
    character(len=100) :: line
    count = -1
    open (newunit=unit, file='/proc/self/status', action='read', iostat=status)
    do while (status == 0)
      read (unit, '(a)', iostat=status) line
      if (line(:8) == 'Threads:') read (line(9:), *) count
    end do
    close (unit)
  end function threads

end program openmp_host
