module requests_scenarios
  !! Calls that are started, and waited for later. Who does not wait has old numbers.
  use, intrinsic :: iso_c_binding, only: c_f_pointer, c_int64_t, c_null_ptr, c_ptr
  use, intrinsic :: iso_fortran_env, only: real32, real64
  use :: omp_lib, only: omp_get_thread_num
  use :: fake_runtime
  use :: ftorch
  implicit none (type, external)
  private
  public :: later, several, resident, many_arrays, mistakes, given_up, failures, on_the_cpu, threads

  real(real32), parameter :: expected(3) = [15, 31, 47]
    ! Of the network, for an input of ones

contains

  logical function is(y, wanted)
    real(real32), intent(in) :: y(:, :), wanted(3)
    is = all(abs(y - spread(wanted, 1, size(y, 1))) <= 0)
  end function is

  subroutine later()
    type(torch_model) :: model
    type(torch_request) :: request, same
    real(real32), target, asynchronous :: x(4, 5), y(4, 3)
    real(real64), target, asynchronous :: xd(5), yd(3)
    call torch_model_load(model, 'linear.pt', dev)
    x = 1
    y = -1
    call begin_counting()
    call request%start(model, x, y)
    call counted(1, 1, 0, 2, 'nobody has waited')
    call check(.not. request%done(), 'the device has not got there')
    call check(is(y, [-1.0, -1.0, -1.0]), 'without a wait there are old numbers')
    call request%wait()
    call counted(1, 1, 1, 2, 'one wait')
    call check(is(y, expected) .and. request%done(), 'with one, the right ones')
    y = -1
    call begin_counting()
    same = request
    call request%start(model, x, y)
    call request%wait()
    call counted(1, 1, 1, 0, 'again, in the same buffers')
    call check(is(y, expected), 'and right again')
    xd = 1
    yd = -1
    call request%start(model, xd, yd, convert=.true.)
    call request%wait()
    call check(all(abs(yd - expected) <= 0), 'one sample of another kind')
  end subroutine later

  subroutine several()
    !! Calls under way at the same time, on streams of their own and in any order.
    type(torch_model) :: model
    type(torch_request) :: requests(3)
    type(c_ptr) :: streams(3)
    real(real32), target, asynchronous :: x(4, 5, 3), y(4, 3, 3)
    integer :: i, order(3)
    call torch_model_load(model, 'linear.pt', dev)
    order = [3, 1, 2]
    y = -1
    do i = 1, 3
      x(:, :, i) = real(i)
      streams(i) = stream_create()
      if (i == 3) streams(i) = streams(1)
      call torch_set_stream(streams(i), dev)
      call requests(i)%start(model, x(:, :, i), y(:, :, i))
    end do
    call torch_set_stream(c_null_ptr, dev)
    call check(all(abs(y + 1) <= 0), 'none is done')
    call requests(2)%wait()
    call check(is(y(:, :, 2), [30.0, 61.0, 92.0]), 'the one that was waited for')
    call check(.not. requests(3)%done() .and. all(abs(y(:, :, [1, 3]) + 1) <= 0), 'and no other')
    do i = 1, 3
      if (order(i) /= 2) call requests(order(i))%wait()
    end do
    call check(is(y(:, :, 1), expected) .and. is(y(:, :, 3), [45.0, 91.0, 137.0]), 'each has its own')
  end subroutine several

  subroutine obtain(block, array, rows, columns, value)
    type(c_ptr), intent(out) :: block
    real(real32), pointer, intent(out) :: array(:, :)
    integer, intent(in) :: rows, columns
    real(real32), intent(in) :: value
    block = allocate_on_device(int(4 * rows * columns, c_int64_t))
    call c_f_pointer(block, array, [rows, columns])
    array = value
  end subroutine obtain

  subroutine resident()
    !! Arrays on the device: what is waited for is the work alone.
    type(torch_model) :: model
    type(torch_request) :: request
    type(c_ptr) :: blocks(2)
    real(real32), pointer :: a(:, :), b(:, :)
    call torch_model_load(model, 'linear.pt', dev)
    call obtain(blocks(1), a, 2, 5, 1.0_real32)
    call obtain(blocks(2), b, 2, 3, 0.0_real32)
    call begin_counting()
    call request%start(model, a, b)
    call check(.not. request%done() .and. all(abs(b) <= 0), 'queued')
    call request%wait()
    call counted(0, 0, 1, 0, 'nothing was copied')
    call check(is(b, expected), 'done')
    call torch_delete(request)
    call torch_delete(model)
    call torch_synchronize(dev)
    call release_memory(blocks(1))
    call release_memory(blocks(2))
  end subroutine resident

  subroutine many_arrays()
    type(torch_model) :: model
    type(torch_request) :: request
    real(real32), target, asynchronous :: a(2, 3), b(2, 3), total(2, 3), first(2, 3)
    call torch_model_load(model, 'pair.pt', dev)
    a = 1
    b = 2
    total = -1
    first = -1
    call request%start_arrays(model, [torch_array(a), torch_array(b)], [torch_array(total), torch_array(first)])
    call check(all(abs(total + 1) <= 0) .and. all(abs(first + 1) <= 0), 'not yet')
    call request%wait()
    call check(all(abs(total - 3) <= 0) .and. all(abs(first - 1) <= 0), 'both')
  end subroutine many_arrays

  subroutine mistakes()
    type(torch_model) :: model
    type(torch_request) :: request, other, never
    real(real32), target, asynchronous :: x(4, 5), y(4, 3), wrong(4, 2)
    character(len=300) :: message
    integer :: status
    call never%wait(stat=status, errmsg=message)
    call refused(status, torch_error_handle, message, &
      'torch_request%wait: no call was started with this request, or it was deleted since')
    call request%start(model, x, y, stat=status, errmsg=message)
    call refused(status, torch_error_handle, message, 'torch_request%start: model is not initialised')
    call torch_model_load(model, 'linear.pt', dev)
    x = 1
    call request%start(model, x, wrong, stat=status, errmsg=message)
    call refused(status, torch_error_argument, message, 'the tensor given for it is float32 [4, 2]')
    call request%start(model, y, y, stat=status, errmsg=message)
    call refused(status, torch_error_argument, message, 'expected float32')
    call request%wait(stat=status, errmsg=message)
    call refused(status, torch_error_handle, message, 'no call was started')
    call request%start(model, x, y)
    call request%start(model, x, y, stat=status, errmsg=message)
    call refused(status, torch_error_argument, message, 'the call that this request has started is still under way; wait for it')
    other = request
    call torch_delete(model)
    call request%wait()
    call check(is(y, expected), 'the model goes when the call has')
    call other%wait(stat=status, errmsg=message)
    call refused(status, torch_error_argument, message, 'the call has been waited for already; start another one')
    call torch_delete(request)
    call request%wait(stat=status, errmsg=message)
    call refused(status, torch_error_handle, message, 'or it was deleted since')
  end subroutine mistakes

  subroutine given_up()
    !! Nobody waits any more: the device is waited for, the result is not.
    type(torch_model) :: model
    real(real32), target, asynchronous :: x(4, 5), y(4, 3)
    call torch_model_load(model, 'linear.pt', dev)
    x = 1
    y = -1
    call begin_counting()
    call forgotten()
    call counted(1, 1, 1, 2, 'the variable waits when it goes')
    call check(is(y, [-1.0, -1.0, -1.0]), 'and the result goes with it')
    call model%infer(x, y)
    call counted(2, 2, 2, 2, 'the buffers are there for the next call')
    call check(is(y, expected), 'which is right')
  contains
    subroutine forgotten()
      type(torch_request) :: request
      call request%start(model, x, y)
    end subroutine forgotten
  end subroutine given_up

  subroutine failures()
    !! What fails on the device is told by the wait, and the next call works.
    type(torch_model) :: model
    type(torch_request) :: request
    real(real32), target, asynchronous :: x(4, 5), y(4, 3)
    character(len=300) :: message
    integer :: status
    call torch_model_load(model, 'linear.pt', dev)
    x = 1
    y = -1
    call fail_on_stream(c_null_ptr)
    call request%start(model, x, y, stat=status, errmsg=message)
    if (status == 0) call request%wait(stat=status, errmsg=message)
    call refused(status, torch_error_model, message, 'the fake device has met an illegal instruction')
    call check(is(y, [-1.0, -1.0, -1.0]), 'no result')
    call request%start(model, x, y)
    call fail_on_stream(c_null_ptr)
    call request%wait()
    call check(is(y, expected), 'what comes later is no part of it')
    call torch_synchronize(dev, stat=status, errmsg=message)
    call refused(status, torch_error_model, message, 'illegal instruction')
  end subroutine failures

  subroutine on_the_cpu()
    !! The same program: the call is done when it has started.
    type(torch_model) :: model
    type(torch_request) :: request
    real(real32), target, asynchronous :: x(4, 5), y(4, 3)
    character(len=300) :: message
    integer :: status
    call torch_model_load(model, 'linear.pt')
    x = 1
    y = -1
    call request%start(model, x, y)
    call check(request%done() .and. is(y, expected), 'done at once')
    call request%start(model, x, y, stat=status, errmsg=message)
    call refused(status, torch_error_argument, message, 'still under way')
    call request%wait()
    call request%wait(stat=status, errmsg=message)
    call refused(status, torch_error_argument, message, 'has been waited for already')
  end subroutine on_the_cpu

  subroutine threads()
    !! One thread starts, another one waits.
    type(torch_model) :: model
    type(torch_request) :: request
    type(c_ptr) :: stream
    real(real32), target, asynchronous :: x(4, 5), y(4, 3)
    call torch_model_load(model, 'linear.pt', dev)
    stream = stream_create()
    x = 1
    y = -1
    call torch_set_stream(stream, dev)
    call request%start(model, x, y)
    !$omp parallel num_threads(2)
    if (omp_get_thread_num() == 1) call request%wait()
    !$omp end parallel
    call check(is(y, expected), 'the other thread has waited')
    call torch_set_stream(c_null_ptr, dev)
  end subroutine threads

end module requests_scenarios

program requests
  use :: fake_runtime, only: finish
  use :: requests_scenarios
  implicit none (type, external)
  character(len=16) :: name
  call get_command_argument(1, name)
  select case (name)
  case ('later')
    call later()
  case ('several')
    call several()
  case ('resident')
    call resident()
  case ('many_arrays')
    call many_arrays()
  case ('mistakes')
    call mistakes()
  case ('given_up')
    call given_up()
  case ('failures')
    call failures()
  case ('on_the_cpu')
    call on_the_cpu()
  case ('threads')
    call threads()
  case default
    error stop 'no such scenario'
  end select
  call finish()
end program requests
