module ftorch_event
  !! Events: places in the work of a stream, which the program and other streams can wait for.
  use, intrinsic :: iso_c_binding, only: c_int32_t, c_null_ptr, c_ptr
  use :: ftorch_capi, only: ctorch_event_delete, ctorch_event_done, ctorch_event_hold_stream, ctorch_event_record, &
    ctorch_event_share, ctorch_event_synchronize
  use :: ftorch_error, only: check_status, int_or
  use :: ftorch_types, only: ftorch_int
  implicit none (type, external)
  private

  public :: torch_event, torch_event_delete

  type :: torch_event
    !! A place in the work of a stream. Assignment shares it; the last variable that goes frees it, and nobody waits then. On the
    !! CPU all work is done when a call returns: nobody has to wait, and nobody does.
    type(c_ptr) :: p = c_null_ptr
      !! Handle, not an address; null means "no event"
  contains
    procedure :: record => event_record
    procedure :: hold_stream => event_hold_stream
    procedure :: synchronize => event_synchronize
    procedure :: done => event_done
    procedure, private :: share
    generic :: assignment(=) => share
    final :: torch_event_delete
  end type torch_event

contains

  subroutine event_record(event, device_type, device_index, stat, errmsg)
    !! Puts the event behind what this thread has queued on its stream of a device so far.
    class(torch_event), intent(inout) :: event
    integer(ftorch_int), intent(in) :: device_type
    integer(ftorch_int), optional, intent(in) :: device_index
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_event_record(event%p, device_type, int_or(device_index, -1_c_int32_t)), 'torch_event%record', stat, &
      errmsg)
  end subroutine event_record

  subroutine event_hold_stream(event, device_index, stat, errmsg)
    !! Lets this thread's stream wait: what is queued there from now on comes after the event. The program goes on.
    class(torch_event), intent(in) :: event
    integer(ftorch_int), optional, intent(in) :: device_index
      !! The device of the stream that waits; the event's own unless given
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_event_hold_stream(event%p, int_or(device_index, -1_c_int32_t)), 'torch_event%hold_stream', stat, &
      errmsg)
  end subroutine event_hold_stream

  subroutine event_synchronize(event, stat, errmsg)
    !! Waits until the work before the event is done.
    class(torch_event), intent(in) :: event
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_event_synchronize(event%p), 'torch_event%synchronize', stat, errmsg)
  end subroutine event_synchronize

  logical function event_done(event)
    !! Whether the work before the event is done.
    class(torch_event), intent(in) :: event
    integer(c_int32_t) :: answer
    answer = 0
    call check_status(ctorch_event_done(event%p, answer), 'torch_event%done')
    event_done = answer /= 0
  end function event_done

  impure elemental subroutine torch_event_delete(event)
    !! Releases an event; harmless for one that is null or was released already.
    type(torch_event), intent(inout) :: event
    integer(c_int32_t) :: status
    status = ctorch_event_delete(event%p)
  end subroutine torch_event_delete

  impure elemental subroutine share(left, right)
    !! `left = right` makes both names of one event; recorded again, one of them is another event.
    class(torch_event), intent(inout) :: left
    class(torch_event), intent(in) :: right
    call check_status(ctorch_event_share(right%p, left%p), 'assignment of torch_event')
  end subroutine share

end module ftorch_event
