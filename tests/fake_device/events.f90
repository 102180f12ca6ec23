module events_scenarios
  !! Events: what a stream, or the program, waits for.
  use, intrinsic :: iso_c_binding, only: c_f_pointer, c_int64_t, c_null_ptr, c_ptr
  use, intrinsic :: iso_fortran_env, only: int64, real32
  use :: fake_runtime
  use :: ftorch
  implicit none (type, external)
  private
  public :: between_streams, between_devices, of_the_host, mistakes

  integer(int64), parameter :: n = 4

contains

  subroutine on_device(t, block, words, index)
    !! A tensor of ones on memory of the program, and that memory.
    type(torch_tensor), intent(inout) :: t
    type(c_ptr), intent(out) :: block
    real(real32), pointer, intent(out) :: words(:)
    integer, intent(in) :: index
    call set_device(index)
    block = allocate_on_device(4 * n)
    call c_f_pointer(block, words, [n])
    words = 1
    call torch_tensor_from_pointer(t, block, 1, [n], torch_kFloat32, dev, on_device=.true.)
    call set_device(0)
  end subroutine on_device

  subroutine between_streams()
    !! A kernel of one stream, then an operation of another one.
    type(torch_tensor) :: t
    type(torch_event) :: event, same
    type(c_ptr) :: block, first, second
    real(real32), pointer :: words(:)
    real(real32) :: b(n)
    integer(int64) :: before
    call on_device(t, block, words, 0)
    first = stream_create()
    second = stream_create()
    call torch_set_stream(first, dev)
    call add_on_stream(first, block, n, 9.0_real32)
    call event%record(dev)
    call torch_set_stream(second, dev)
    call torch_tensor_copy_to(t, b)
    call check(all(abs(b - 1) <= 0), 'without the event the other stream is too early')
    before = waits()
    call event%hold_stream()
    call check(waits() == before .and. .not. event%done(), 'the program does not wait')
    call torch_tensor_copy_to(t, b)
    call check(all(abs(b - 10) <= 0) .and. event%done(), 'with it, it comes after')
    same = event
    call event%record(dev)
    call check(event%done() .and. same%done(), 'nothing is queued')
    call torch_set_stream(c_null_ptr, dev)
    call torch_delete(t)
    call release_memory(block)
  end subroutine between_streams

  subroutine between_devices()
    type(torch_tensor) :: t
    type(torch_event) :: event
    type(c_ptr) :: block, first
    real(real32), pointer :: words(:)
    real(real32) :: b(n)
    call on_device(t, block, words, 1)
    first = stream_create()
    call torch_set_stream(first, dev, 0)
    call add_on_stream(first, block, n, 4.0_real32)
    call event%record(dev, 0)
    call event%hold_stream(1)
    call torch_tensor_copy_to(t, b)
    call check(all(abs(b - 5) <= 0), 'a stream of the other device has waited')
    call torch_set_stream(c_null_ptr, dev, 0)
    call torch_delete(t)
    call release_memory(block)
  end subroutine between_devices

  subroutine of_the_host()
    !! The program waits for the event, and for nothing that comes after.
    type(torch_tensor) :: t
    type(torch_event) :: event
    type(c_ptr) :: block, stream
    real(real32), pointer :: words(:)
    call on_device(t, block, words, 0)
    stream = stream_create()
    call torch_set_stream(stream, dev)
    call add_on_stream(stream, block, n, 1.0_real32)
    call event%record(dev)
    call add_on_stream(stream, block, n, 1.0_real32)
    call check(.not. event%done() .and. all(abs(words - 1) <= 0), 'queued')
    call event%synchronize()
    call check(event%done() .and. all(abs(words - 2) <= 0), 'what was before it')
    call torch_synchronize_stream(dev)
    call check(all(abs(words - 3) <= 0), 'and what was after')
    call fail_on_stream(stream)
    call event%record(dev)
    call told()
    call torch_set_stream(c_null_ptr, dev)
    call torch_delete(t)
    call release_memory(block)
  contains
    subroutine told()
      character(len=200) :: message
      integer :: status
      call event%synchronize(stat=status, errmsg=message)
      call refused(status, torch_error_model, message, 'torch_event%synchronize: PyTorch: the fake device has met an illegal')
    end subroutine told
  end subroutine of_the_host

  subroutine mistakes()
    type(torch_event) :: event
    character(len=300) :: message
    integer :: status
    call event%hold_stream(stat=status, errmsg=message)
    call refused(status, torch_error_handle, message, 'torch_event%hold_stream: event is not initialised')
    call event%synchronize(stat=status, errmsg=message)
    call refused(status, torch_error_handle, message, 'event is not initialised')
    call event%record(dev, 2, stat=status, errmsg=message)
    call refused(status, torch_error_device, message, "argument 'device_index': there are 2 privateuse1 devices (0 to 1), got 2")
    call event%record(torch_kCPU)
    call check(event%done(), 'on the CPU everything is done')
    call event%hold_stream()
    call event%synchronize()
    call event%record(dev)
    call event%hold_stream(5, stat=status, errmsg=message)
    call refused(status, torch_error_device, message, 'got 5')
    call torch_delete(event)
    call event%synchronize(stat=status, errmsg=message)
    call refused(status, torch_error_handle, message, 'event is not initialised')
  end subroutine mistakes

end module events_scenarios

program events
  use :: fake_runtime, only: finish
  use :: events_scenarios
  implicit none (type, external)
  character(len=16) :: name
  call get_command_argument(1, name)
  select case (name)
  case ('between_streams')
    call between_streams()
  case ('between_devices')
    call between_devices()
  case ('of_the_host')
    call of_the_host()
  case ('mistakes')
    call mistakes()
  case default
    error stop 'no such scenario'
  end select
  call finish()
end program events
