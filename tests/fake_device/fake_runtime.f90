module fake_runtime
  !! The run time of the fake device as a program of its own uses it, and how scenarios say what went wrong.
  use, intrinsic :: iso_c_binding, only: c_float, c_int32_t, c_int64_t, c_ptr
  use :: ftorch, only: torch_kPrivateUse1, torch_live_handles, torch_synchronize
  implicit none (type, external)
  private
  public :: dev, check, refused, begin_counting, counted, made_before, finish
  public :: copies_in, copies_out, pageable_copies, waits, live_blocks, live_bytes, peak_bytes, reset_peak, set_limit
  public :: pinned_blocks, pinned_made, set_device, allocate_on_device, allocate_pinned, release_memory
  public :: stream_create, stream_synchronize, add_on_stream, fail_on_stream, launches

  integer, parameter :: dev = torch_kPrivateUse1

  interface
    integer(c_int64_t) function copies_in() bind(C, name='fake_copies_in')
      import :: c_int64_t
    end function copies_in
    integer(c_int64_t) function copies_out() bind(C, name='fake_copies_out')
      import :: c_int64_t
    end function copies_out
    integer(c_int64_t) function pageable_copies() bind(C, name='fake_pageable_copies')
      import :: c_int64_t
    end function pageable_copies
    integer(c_int64_t) function waits() bind(C, name='fake_waits')
      import :: c_int64_t
    end function waits
    integer(c_int64_t) function launches() bind(C, name='fake_launches')
      import :: c_int64_t
    end function launches
    integer(c_int64_t) function live_blocks() bind(C, name='fake_live_blocks')
      import :: c_int64_t
    end function live_blocks
    integer(c_int64_t) function live_bytes() bind(C, name='fake_live_bytes')
      import :: c_int64_t
    end function live_bytes
    integer(c_int64_t) function peak_bytes() bind(C, name='fake_peak_bytes')
      import :: c_int64_t
    end function peak_bytes
    subroutine reset_peak() bind(C, name='fake_reset_peak')
    end subroutine reset_peak
    subroutine set_limit(bytes) bind(C, name='fake_set_limit')
      import :: c_int64_t
      integer(c_int64_t), value :: bytes
    end subroutine set_limit
    integer(c_int64_t) function pinned_blocks() bind(C, name='fake_pinned_blocks')
      import :: c_int64_t
    end function pinned_blocks
    integer(c_int64_t) function pinned_made() bind(C, name='fake_pinned_made')
      import :: c_int64_t
    end function pinned_made
    subroutine set_device(index) bind(C, name='fake_set_device')
      import :: c_int32_t
      integer(c_int32_t), value :: index
    end subroutine set_device
    type(c_ptr) function allocate_on_device(bytes) bind(C, name='fake_allocate')
      import :: c_int64_t, c_ptr
      integer(c_int64_t), value :: bytes
    end function allocate_on_device
    type(c_ptr) function allocate_pinned(bytes) bind(C, name='fake_allocate_pinned')
      import :: c_int64_t, c_ptr
      integer(c_int64_t), value :: bytes
    end function allocate_pinned
    subroutine release_memory(block) bind(C, name='fake_release')
      import :: c_ptr
      type(c_ptr), value :: block
    end subroutine release_memory
    type(c_ptr) function stream_create() bind(C, name='fake_stream_create')
      import :: c_ptr
    end function stream_create
    subroutine stream_synchronize(stream) bind(C, name='fake_stream_synchronize')
      import :: c_ptr
      type(c_ptr), value :: stream
    end subroutine stream_synchronize
    subroutine add_on_stream(stream, numbers, count, value) bind(C, name='fake_add')
      !! A kernel of the program: queued, as all kernels are.
      import :: c_float, c_int64_t, c_ptr
      type(c_ptr), value :: stream, numbers
      integer(c_int64_t), value :: count
      real(c_float), value :: value
    end subroutine add_on_stream
    subroutine fail_on_stream(stream) bind(C, name='fake_fail')
      !! A kernel that fails when its turn comes, on a stream of the program or, null, on this thread's.
      import :: c_ptr
      type(c_ptr), value :: stream
    end subroutine fail_on_stream
  end interface

  integer(c_int64_t) :: in_before, out_before, pageable_before, waits_before, made_before

contains

  subroutine check(fact, what)
    logical, intent(in) :: fact
    character(len=*), intent(in) :: what
    if (.not. fact) error stop what
  end subroutine check

  subroutine refused(status, expected, message, fragment)
    integer, intent(in) :: status, expected
    character(len=*), intent(in) :: message, fragment
    if (status == 0) error stop 'not refused: ' // fragment
    if (status /= expected) error stop 'another status: ' // trim(message) // ' instead of ' // fragment
    if (index(message, fragment) == 0) error stop 'another message: ' // trim(message) // ' instead of ' // fragment
  end subroutine refused

  subroutine begin_counting()
    in_before = copies_in()
    out_before = copies_out()
    pageable_before = pageable_copies()
    waits_before = waits()
    made_before = pinned_made()
  end subroutine begin_counting

  subroutine counted(in, out, waited, made, what)
    !! Copies in and out, waits for the device and blocks of pinned memory since then; no copy was one of pageable memory.
    integer, intent(in) :: in, out, waited, made
    character(len=*), intent(in) :: what
    character(len=120) :: numbers
    write (numbers, '(5(a,i0))') ': copies in ', copies_in() - in_before, ', out ', copies_out() - out_before, ', pageable ', &
      pageable_copies() - pageable_before, ', waits ', waits() - waits_before, ', pinned ', pinned_made() - made_before
    if (copies_in() - in_before /= in .or. copies_out() - out_before /= out) error stop what // trim(numbers)
    if (waits() - waits_before /= waited .or. pinned_made() - made_before /= made) error stop what // trim(numbers)
    if (pageable_copies() /= pageable_before) error stop what // trim(numbers)
  end subroutine counted

  subroutine finish()
    !! The end of every program: nothing is left.
    call torch_synchronize(dev, 0)
    call torch_synchronize(dev, 1)
    call check(torch_live_handles() == 0, 'no handles are left')
    call check(live_blocks() == 0, 'no memory of the devices is left')
    call check(pinned_blocks() == 0, 'no pinned memory is left')
    write (*, '(a)') 'placed right'
  end subroutine finish

end module fake_runtime
