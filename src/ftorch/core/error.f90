module ftorch_error
  !! How a failure reaches the program: `stat` and `errmsg` when they are there, one handler when they are not.
  use, intrinsic :: iso_c_binding, only: c_char, c_f_pointer, c_int32_t, c_int64_t, c_null_ptr, c_ptr
  use, intrinsic :: iso_fortran_env, only: error_unit
  use :: ftorch_capi, only: ctorch_last_error
  implicit none (type, external)
  private

  public :: torch_error_handler, torch_set_error_handler, call_error_handler, check_status, refuse, text_of, lines_of, int_or
  public :: flag, flag_or_saved

  abstract interface
    subroutine torch_error_handler(message, status)
      !! Called with the whole message when a call fails that has no `stat`. If it returns, the program stops all the same,
      !! because the failed call has no result.
      implicit none (type, external)
      character(len=*), intent(in) :: message
      integer, intent(in) :: status
    end subroutine torch_error_handler
  end interface

  interface int_or
    !! An optional integer argument or its default.
    module procedure int32_or, int64_or
  end interface int_or

  procedure(torch_error_handler), pointer :: handler => null()

contains

  subroutine torch_set_error_handler(new_handler)
    !! Replaces the handler of failures without `stat`; without an argument the default (write and stop) returns.
    !! Must be a module or external procedure: an internal one dangles once its host returns.
    procedure(torch_error_handler), optional :: new_handler
    handler => null()
    if (present(new_handler)) handler => new_handler
  end subroutine torch_set_error_handler

  subroutine check_status(status, name, stat, errmsg)
    !! Ends every fallible procedure: reports the status of the C call as the procedure `name`.
    integer(c_int32_t), intent(in) :: status
    character(len=*), intent(in) :: name
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    if (present(stat)) stat = abs(int(status))
    if (status > 0) then
      call report_last(int(status), name, present(stat), errmsg)
    else if (status < 0) then  ! a character argument where an array belongs: the length of errmsg cannot be trusted
      call report_last(-int(status), name, present(stat))
    end if
  end subroutine check_status

  subroutine refuse(status, name, message, stat, errmsg)
    !! Reports a failure that was found on the Fortran side.
    integer, intent(in) :: status
    character(len=*), intent(in) :: name, message
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    if (present(stat)) stat = status
    call report(status, name, message, present(stat), errmsg)
  end subroutine refuse

  subroutine report(status, name, message, handled, errmsg)
    integer, intent(in) :: status
    character(len=*), intent(in) :: name, message
    logical, intent(in) :: handled
    character(len=*), optional, intent(inout) :: errmsg
    if (present(errmsg)) errmsg = name // ': ' // message
    if (handled) return
    call call_error_handler(name // ': ' // message, status)
    flush (error_unit)
    error stop name // ': ' // message
  end subroutine report

  subroutine call_error_handler(message, status)
    !! Calls the program's handler if it has one.
    character(len=*), intent(in) :: message
    integer, intent(in) :: status
    if (associated(handler)) call handler(message, status)
  end subroutine call_error_handler

  subroutine report_last(status, name, handled, errmsg)
    !! Reports what the C library has to say about the last failure of this thread.
    integer, intent(in) :: status
    character(len=*), intent(in) :: name
    logical, intent(in) :: handled
    character(len=*), optional, intent(inout) :: errmsg
    type(c_ptr) :: text
    integer(c_int64_t) :: length
    text = c_null_ptr
    length = 0
    if (ctorch_last_error(text, length) /= 0) length = 0
    call report(status, name, text_of(text, length), handled, errmsg)
  end subroutine report_last

  function text_of(text, length) result(string)
    !! Fortran copy of a string that belongs to the C library.
    type(c_ptr), intent(in) :: text
    integer(c_int64_t), intent(in) :: length
    character(len=length) :: string  ! of deferred length it would not be of this thread alone, see ftorch_text
    character(kind=c_char), pointer :: characters(:)
    integer(c_int64_t) :: i
    if (length == 0) return
    call c_f_pointer(text, characters, [length])
    do i = 1, length
      string(i:i) = characters(i)
    end do
  end function text_of

  subroutine lines_of(text, length, names)
    !! The lines of a string that belongs to the C library, blank-padded to the longest.
    type(c_ptr), intent(in) :: text
    integer(c_int64_t), intent(in) :: length
    character(len=:), allocatable, intent(out) :: names(:)
    character(len=:), allocatable :: lines
    integer :: count, width, first, last, i
    lines = ''
    if (length > 0) lines = text_of(text, length) // new_line('a')
    count = 0
    width = 0
    first = 1
    do i = 1, len(lines)
      if (lines(i:i) /= new_line('a')) cycle
      count = count + 1
      width = max(width, i - first)
      first = i + 1
    end do
    allocate (character(len=width) :: names(count))
    first = 1
    do i = 1, count
      last = first + index(lines(first:), new_line('a')) - 2
      names(i) = lines(first:last)
      first = last + 2
    end do
  end subroutine lines_of

  pure integer(c_int32_t) function int32_or(value, default)
    integer(c_int32_t), optional, intent(in) :: value
    integer(c_int32_t), intent(in) :: default
    int32_or = default
    if (present(value)) int32_or = value
  end function int32_or

  pure integer(c_int32_t) function int64_or(value, default)
    ! Default integers, where the compiler was told to make them wider.
    integer(c_int64_t), optional, intent(in) :: value
    integer(c_int64_t), intent(in) :: default
    int64_or = int(default, c_int32_t)
    if (present(value)) int64_or = int(max(min(value, int(huge(int64_or), c_int64_t)), -int(huge(int64_or), c_int64_t)), c_int32_t)
  end function int64_or

  pure integer(c_int32_t) function flag(value, default)
    !! An optional logical argument as C has it; absent means false unless there is a default.
    logical, optional, intent(in) :: value, default
    flag = 0
    if (present(default)) flag = merge(1_c_int32_t, 0_c_int32_t, default)
    if (present(value)) flag = merge(1_c_int32_t, 0_c_int32_t, value)
  end function flag

  pure integer(c_int32_t) function flag_or_saved(value)
    !! An optional logical argument about something that a file says too; absent, the file decides.
    logical, optional, intent(in) :: value
    flag_or_saved = -1
    if (present(value)) flag_or_saved = flag(value)
  end function flag_or_saved

end module ftorch_error
