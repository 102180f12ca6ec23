module streams_scenarios
  !! What is ordered with what. Work of the device runs when somebody waits for it, so that who does not wait reads old numbers.
  use, intrinsic :: iso_c_binding, only: c_f_pointer, c_int32_t, c_int64_t, c_intptr_t, c_loc, c_null_ptr, c_ptr
  use, intrinsic :: iso_fortran_env, only: int64, real32
  use :: omp_lib, only: omp_get_thread_num
  use :: fake_runtime
  use :: ftorch
  implicit none (type, external)
  private
  public :: nobody_waits, to_the_host, to_the_device, before_pytorch, after_pytorch, one_stream, of_a_thread, mistakes

  integer(int64), parameter :: n = 4

contains

  subroutine on_device(t, block, words)
    !! A tensor of ones on memory of the program, and that memory.
    type(torch_tensor), intent(inout) :: t
    type(c_ptr), intent(out) :: block
    real(real32), pointer, intent(out) :: words(:)
    block = allocate_on_device(4 * n)
    call c_f_pointer(block, words, [n])
    words = 1
    call torch_tensor_from_pointer(t, block, 1, [n], torch_kFloat32, dev, on_device=.true.)
  end subroutine on_device

  subroutine nobody_waits()
    !! The fake device itself: results that nobody has waited for cannot be seen.
    type(torch_tensor) :: t
    type(c_ptr) :: block
    real(real32), pointer :: words(:)
    call on_device(t, block, words)
    call torch_tensor_zero(t)
    call check(all(abs(words - 1) <= 0), 'too early')
    call torch_synchronize(dev)
    call check(all(abs(words) <= 0), 'in time')
    call torch_delete(t)
    call release_memory(block)
  end subroutine nobody_waits

  subroutine to_the_host()
    !! Copies to the host have arrived when the call returns, whatever non_blocking says.
    type(torch_tensor) :: there, here, wrapped
    real(real32), target :: a(n), b(n)
    real(real32), pointer :: p(:)
    a = 3
    b = 0
    call torch_tensor_from_array(there, a, device_type=dev)
    there = there + there
    call torch_tensor_to(there, here, torch_kSame, device_type=torch_kCPU, non_blocking=.true.)
    call torch_tensor_to_array(here, p)
    call check(all(abs(p - 6) <= 0), 'a new tensor')
    call torch_tensor_from_array(wrapped, b)
    call torch_tensor_to(there, wrapped, non_blocking=.true.)
    call check(all(abs(b - 6) <= 0), 'an array')
    b = 0
    there = there + there
    call torch_tensor_copy_to(there, b)
    call check(all(abs(b - 12) <= 0), 'torch_tensor_copy_to')
    there = there + there
    wrapped = there
    call check(all(abs(b - 24) <= 0), 'an assignment')
    call torch_tensor_item(torch_sum(there), b(1))
    call check(abs(b(1) - 24 * n) <= 0, 'a single number')
  end subroutine to_the_host

  subroutine to_the_device()
    !! Arrays have been read when the call returns; pinned memory with non_blocking has not.
    type(torch_tensor) :: source, pinned, there
    real(real32), target :: a(n), b(n)
    real(real32), pointer :: p(:)
    integer(int64) :: before
    a = 3
    call torch_tensor_from_array(source, a)
    call torch_tensor_zeros(there, 1, [n], torch_kFloat32, dev)
    call torch_tensor_to(source, there, non_blocking=.true.)
    a = -1
    call torch_tensor_copy_to(there, b)
    call check(all(abs(b - 3) <= 0), 'an array')
    a = 3
    call torch_tensor_pin(source, pinned)
    call torch_tensor_to_array(pinned, p)
    before = waits()
    call torch_tensor_to(pinned, there, non_blocking=.true.)
    call check(waits() == before, 'nobody has waited')
    p = 4
    call torch_tensor_copy_to(there, b)
    call check(all(abs(b - 4) <= 0), 'the device has read it later')
    call torch_tensor_to(pinned, there)
    p = 5
    call torch_tensor_copy_to(there, b)
    call check(all(abs(b - 4) <= 0), 'without non_blocking it has been read')
  end subroutine to_the_device

  subroutine before_pytorch()
    !! A kernel of the program's stream, then an operation of PyTorch.
    type(torch_tensor) :: t
    type(c_ptr) :: block, stream
    real(real32), pointer :: words(:)
    real(real32) :: b(n)
    call on_device(t, block, words)
    stream = stream_create()
    call add_on_stream(stream, block, n, 9.0_real32)
    call torch_tensor_copy_to(t + t, b)
    call check(all(abs(b - 2) <= 0), 'on another stream PyTorch is too early')
    call torch_set_stream(stream, dev)
    call torch_tensor_copy_to(t + t, b)
    call check(all(abs(b - 20) <= 0), 'on this stream it comes after')
    call torch_set_stream(c_null_ptr, dev)
    call add_on_stream(stream, block, n, 1.0_real32)
    call torch_tensor_copy_to(t + t, b)
    call check(all(abs(b - 20) <= 0), 'on the default stream it is too early again')
    call torch_delete(t)
    call torch_synchronize(dev)
    call release_memory(block)
  end subroutine before_pytorch

  subroutine after_pytorch()
    !! An operation of PyTorch, then a kernel of the program's stream; the handle as an integer.
    type(torch_tensor) :: t
    type(c_ptr) :: block, stream
    real(real32), pointer :: words(:)
    call on_device(t, block, words)
    stream = stream_create()
    call torch_set_stream(int(transfer(stream, 0_c_intptr_t), c_int64_t), dev, 0)
    call torch_tensor_zero(t)
    call add_on_stream(stream, block, n, 2.0_real32)
    call stream_synchronize(stream)
    call check(all(abs(words - 2) <= 0), 'first the one, then the other')
    call torch_set_stream(0_c_int64_t, dev)
    call torch_delete(t)
    call release_memory(block)
  end subroutine after_pytorch

  subroutine one_stream()
    !! Waits for PyTorch's stream, not for those of the program.
    type(torch_tensor) :: t, u
    type(c_ptr) :: block, other, stream
    real(real32), pointer :: words(:), other_words(:)
    call on_device(t, block, words)
    call on_device(u, other, other_words)
    stream = stream_create()
    call add_on_stream(stream, other, n, 1.0_real32)
    call torch_tensor_zero(t)
    call torch_synchronize_stream(dev)
    call check(all(abs(words) <= 0), 'what PyTorch has queued')
    call check(all(abs(other_words - 1) <= 0), 'and nothing else')
    call torch_set_stream(stream, dev)
    call torch_synchronize_stream(dev, 0)
    call check(all(abs(other_words - 2) <= 0), 'the stream that is set')
    call torch_synchronize_stream(torch_kCPU)
    call torch_set_stream(c_null_ptr, dev)
    call torch_delete(t)
    call torch_delete(u)
    call release_memory(block)
    call release_memory(other)
  end subroutine one_stream

  subroutine of_a_thread()
    !! A stream is set for the calling thread and one device.
    type(torch_tensor) :: t
    type(c_ptr) :: block, stream
    real(real32), pointer :: words(:)
    real(real32) :: b(n)
    logical :: early
    call on_device(t, block, words)
    stream = stream_create()
    call torch_set_stream(stream, dev)
    call add_on_stream(stream, block, n, 1.0_real32)
    early = .false.
    !$omp parallel num_threads(2) private(b)
    if (omp_get_thread_num() == 1) then
      call torch_tensor_copy_to(t, b)
      early = all(abs(b - 1) <= 0)
    end if
    !$omp end parallel
    call torch_synchronize(dev)
    call check(all(abs(words - 2) <= 0), 'this thread')
    call check(early, 'another thread has another stream')
    call torch_set_stream(c_null_ptr, dev)
    call torch_delete(t)
    call release_memory(block)
  end subroutine of_a_thread

  subroutine mistakes()
    character(len=300) :: message
    integer :: status
    type(c_ptr) :: stream
    stream = stream_create()
    call torch_set_stream(1_c_int64_t, dev, stat=status, errmsg=message)
    call refused(status, torch_error_argument, message, "argument 'handle': expected the handle of a stream")
    call refused(status, torch_error_argument, message, 'got the number 1')
    call torch_set_stream(stream, torch_kCPU, stat=status, errmsg=message)
    call refused(status, torch_error_device, message, "argument 'device_type': expected a device with streams, got the cpu")
    call torch_set_stream(c_null_ptr, torch_kCPU)
    call torch_set_stream(stream, dev, 2, stat=status, errmsg=message)
    call refused(status, torch_error_device, message, "argument 'device_index': there are 2 privateuse1 devices (0 to 1), got 2")
    call torch_set_stream(stream, torch_kCUDA, stat=status, errmsg=message)
    call refused(status, torch_error_device, message, 'device cuda is not available')
    call torch_synchronize_stream(dev, -2, stat=status, errmsg=message)
    call refused(status, torch_error_device, message, 'got -2')
  end subroutine mistakes

end module streams_scenarios

program streams
  use :: fake_runtime, only: finish
  use :: streams_scenarios
  implicit none (type, external)
  character(len=16) :: name
  call get_command_argument(1, name)
  select case (name)
  case ('nobody_waits')
    call nobody_waits()
  case ('to_the_host')
    call to_the_host()
  case ('to_the_device')
    call to_the_device()
  case ('before_pytorch')
    call before_pytorch()
  case ('after_pytorch')
    call after_pytorch()
  case ('one_stream')
    call one_stream()
  case ('of_a_thread')
    call of_a_thread()
  case ('mistakes')
    call mistakes()
  case default
    error stop 'no such scenario'
  end select
  call finish()
end program streams
