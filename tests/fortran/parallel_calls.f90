program parallel_calls
  !! The host's OpenMP and PyTorch's: the host's thread count never changes, and many threads may call one model.
  use, intrinsic :: iso_fortran_env, only: int64, real32
  use :: omp_lib, only: omp_get_max_threads, omp_get_num_threads, omp_get_thread_num, omp_set_num_threads
  use :: ftorch
  implicit none (type, external)
  integer, parameter :: threads = 3
  integer :: wrong, seen
  type(torch_model) :: model

  call omp_set_num_threads(threads)
  if (torch_get_num_threads() /= threads) error stop 'by default as many threads as the host uses'
  call everything()
  call torch_set_num_threads(1)
  if (torch_get_num_threads() /= 1) error stop 'one thread for PyTorch'
  call everything()
  call torch_set_num_threads(2)
  call everything()
  seen = 0
  !$omp parallel reduction(max:seen)
  seen = omp_get_num_threads()
  !$omp end parallel
  if (seen /= threads) error stop 'the host lost its threads'
  call torch_set_num_threads(0)
  if (torch_get_num_threads() /= threads) error stop 'back to the default'

  call torch_model_load(model, 'linear.pt')
  wrong = 0
  !$omp parallel reduction(+:wrong)
  call many_calls(model, omp_get_thread_num(), wrong)
  if (omp_get_max_threads() /= threads) wrong = wrong + 1000000
  !$omp end parallel
  if (wrong /= 0) error stop 'wrong answers from several threads'
  call torch_delete(model)
  wrong = 0
  !$omp parallel reduction(+:wrong)
  call many_errors(omp_get_thread_num(), wrong)
  !$omp end parallel
  if (wrong /= 0) error stop 'a thread was told the error of another'
  if (torch_live_handles() /= 0) error stop 'handles are left'
  write (*, '(a)') 'right in parallel'

contains

  subroutine unchanged(what)
    character(len=*), intent(in) :: what
    if (omp_get_max_threads() /= threads) error stop 'thread count changed by ' // what
  end subroutine unchanged

  subroutine everything()
    type(torch_model) :: net
    type(torch_tensor) :: a, b
    real(real32), target :: x(4, 8), y(4, 8)
    x = 1
    call torch_tensor_ones(a, 2, [1000_int64, 1000_int64], torch_kFloat32, torch_kCPU)
    call unchanged('ones')
    b = a * a + a
    call unchanged('operators')
    call torch_tensor_sum(a, b)
    call unchanged('sum')
    call torch_model_load(net, 'stormy.pt')
    call unchanged('load')
    call net%infer(x, y)
    call unchanged('infer')
    call torch_manual_seed(1)
    call unchanged('seed')
  end subroutine everything

  subroutine many_calls(net, me, mistakes)
    type(torch_model), intent(in) :: net
    integer, intent(in) :: me
    integer, intent(inout) :: mistakes
    type(torch_tensor) :: x(1), y(1)
    real(real32), target :: a(2, 5), b(2, 3), direct(2, 3)
    real(real32) :: right(2, 3)
    integer :: call_number, i, j
    call torch_tensor_from_array(x(1), a)
    call torch_tensor_from_array(y(1), b)
    do call_number = 1, 500
      a = real(me * 7 + mod(call_number, 50))
      a(2, :) = -me
      call torch_model_forward(net, x, y)
      call net%infer(a, direct)
      do j = 1, 3
        do i = 1, 2
          right(i, j) = 15 * j * a(i, 1) + j - 1
        end do
      end do
      if (any(abs(b - right) > 0) .or. any(abs(direct - right) > 0)) mistakes = mistakes + 1
    end do
  end subroutine many_calls

  subroutine many_errors(me, mistakes)
    !! Each thread makes a mistake of its own, and is told of that one.
    integer, intent(in) :: me
    integer, intent(inout) :: mistakes
    type(torch_tensor) :: t
    real(real32), target :: a(10)
    character(len=200) :: message
    integer :: call_number, stat
    a = 1
    do call_number = 1, 2000
      message = ''
      if (mod(me, 2) == 0) then
        call torch_tensor_from_array(t, a, device_type=torch_kCUDA, stat=stat, errmsg=message)
        if (stat /= torch_error_device .or. index(message, 'device cuda is not available') == 0) mistakes = mistakes + 1
      else
        call torch_tensor_from_array(t, a(10:1:-1), stat=stat, errmsg=message)
        if (stat /= torch_error_argument .or. index(message, 'runs backwards') == 0) mistakes = mistakes + 1
      end if
    end do
  end subroutine many_errors

end program parallel_calls
