module ftorch_namelist
  !! Reads a namelist group as words. A Fortran namelist read says of a misspelt name only that it failed, in each compiler's own
  !! words; here whoever asked for the group can say more.
  use, intrinsic :: iso_fortran_env, only: real64
  use :: ftorch_text, only: closest, joined, lower_case, text
  implicit none (type, external)
  private

  public :: namelist_entry, read_namelist, read_real, read_integer, read_logical, read_integers, read_word, expect

  type :: namelist_entry
    !! One `key = value`: the key in lower case, the value as it is written, and the line where the key stands.
    character(len=:), allocatable :: key, value
    integer :: line = 0
  end type namelist_entry

contains

  subroutine read_namelist(filename, group, entries, message)
    !! Entries of `&group ... /` in a file, which may hold other groups, too. The message is blank if all is well.
    character(len=*), intent(in) :: filename, group
    type(namelist_entry), allocatable, intent(out) :: entries(:)
    character(len=:), allocatable, intent(out) :: message
    character(len=:), allocatable :: body
    integer, allocatable :: line_of(:)
    allocate (entries(0))
    call collect(filename, group, body, line_of, message)
    if (message == '') call split(filename, body, line_of, entries, message)
  end subroutine read_namelist

  subroutine collect(filename, group, body, line_of, message)
    !! The text between the group's name and its slash, without comments, and the line of each character.
    character(len=*), intent(in) :: filename, group
    character(len=:), allocatable, intent(out) :: body, message
    integer, allocatable, intent(out) :: line_of(:)
    character(len=:), allocatable :: line
    character(len=1000) :: reason
    integer :: unit, status, number
    logical :: inside, closed
    body = ''
    message = ''
    allocate (line_of(0))
    open (newunit=unit, file=filename, status='old', action='read', iostat=status, iomsg=reason)
    if (status /= 0) then
      message = "cannot open '" // trim(filename) // "': " // trim(reason)
      return
    end if
    inside = .false.
    closed = .false.
    number = 0
    do
      call read_line(unit, line, status)
      if (status /= 0) exit
      number = number + 1
      if (.not. inside) then
        line = adjustl(line) // repeat(' ', len(group) + 2)
        inside = lower_case(line(:len(group) + 1)) == '&' // group .and. scan(line(len(group) + 2:len(group) + 2), ' /,!') == 1
        if (.not. inside) cycle
        line(:len(group) + 1) = ''
      end if
      call take(trim(line) // ' ', closed)
      line_of = [line_of, spread(number, 1, len(body) - size(line_of))]
      if (closed) exit
    end do
    close (unit)
    if (.not. inside) message = "'" // trim(filename) // "' has no group &" // group
    if (inside .and. .not. closed) message = "'" // trim(filename) // "': the group &" // group // ' is not closed by a /'

  contains

    subroutine take(words, closed)
      ! Appended once: flang keeps what each concatenation makes on the stack until the procedure ends.
      character(len=*), intent(in) :: words
      logical, intent(inout) :: closed
      character(len=1) :: quote
      integer :: i
      quote = ' '
      do i = 1, len(words)
        if (quote /= ' ') then
          if (words(i:i) == quote) quote = ' '
        else if (scan(words(i:i), '''"') == 1) then
          quote = words(i:i)
        else if (scan(words(i:i), '!/') == 1) then
          exit
        end if
      end do
      closed = i <= len(words)
      if (closed) closed = words(i:i) == '/'
      body = body // words(:i - 1) // ' '
    end subroutine take

    subroutine read_line(unit, line, status)
      ! The next line, however long it is.
      integer, intent(in) :: unit
      character(len=:), allocatable, intent(out) :: line
      integer, intent(out) :: status
      character(len=:), allocatable :: longer
      integer :: length, count
      allocate (character(len=256) :: line)
      length = 0
      do
        count = 0
        read (unit, '(a)', advance='no', size=count, iostat=status) line(length + 1:)
        length = length + count
        if (status /= 0) exit
        allocate (character(len=2 * length) :: longer)
        longer(:length) = line
        call move_alloc(longer, line)
      end do
      line = line(:length)
      if (is_iostat_eor(status) .or. (is_iostat_end(status) .and. length > 0)) status = 0
    end subroutine read_line

  end subroutine collect

  subroutine split(filename, body, line_of, entries, message)
    !! Cuts the text before each word that an equals sign follows.
    character(len=*), intent(in) :: filename, body
    integer, intent(in) :: line_of(:)
    type(namelist_entry), allocatable, intent(inout) :: entries(:)
    character(len=:), allocatable, intent(out) :: message
    character(len=1) :: quote
    character(len=:), allocatable :: before
    type(namelist_entry) :: entry
    integer :: i, last, first, from
    message = ''
    quote = ' '
    from = 1
    do i = 1, len(body) + 1
      if (i <= len(body)) then
        if (quote /= ' ') then
          if (body(i:i) == quote) quote = ' '
          cycle
        else if (scan(body(i:i), '''"') == 1) then
          quote = body(i:i)
          cycle
        else if (body(i:i) /= '=') then
          cycle
        end if
        last = len_trim(body(:i - 1))
        first = scan(body(:last), ' ,' // achar(9), back=.true.) + 1
      else
        last = len(body)
        first = last + 1
      end if
      before = ''
      if (first > from) call strip(body(from:first - 1), before)
      if (size(entries) > 0) then
        entries(size(entries))%value = before
      else if (before /= '' .or. (i <= len(body) .and. first > last)) then
        message = "'" // trim(filename) // "': expected key = value, got '" // before // "'"
        return
      end if
      if (i > len(body)) exit
      entry%key = lower_case(body(first:last))
      entry%value = ''
      if (first <= last) entry%line = line_of(first)
      entries = [entries, entry]
      from = i + 1
    end do
    if (quote /= ' ') then
      message = "'" // trim(filename) // "' line " // text(entries(size(entries))%line) // ': a quotation is not closed'
    end if
  end subroutine split

  pure subroutine strip(value, bare)
    !! Takes away the blanks around it and the comma behind it.
    character(len=*), intent(in) :: value
    character(len=:), allocatable, intent(out) :: bare
    bare = trim(adjustl(value))
    if (len(bare) > 0) then
      if (bare(len(bare):) == ',') bare = trim(bare(:len(bare) - 1))
    end if
  end subroutine strip

  logical function read_real(entry, x, expected, message) result(good)
    type(namelist_entry), intent(in) :: entry
    real(real64), intent(out) :: x
    character(len=*), intent(in) :: expected
    character(len=:), allocatable, intent(inout) :: message
    integer :: status
    x = 0
    status = verify(entry%value, '+-.0123456789eEdD')  ! one number: blanks, commas and NaN are not
    if (status == 0) read (entry%value, *, iostat=status) x
    good = status == 0 .and. entry%value /= '' .and. abs(x) <= huge(x)
    if (.not. good) call expect(entry, expected, message)
  end function read_real

  logical function read_integer(entry, x, expected, message) result(good)
    type(namelist_entry), intent(in) :: entry
    integer, intent(out) :: x
    character(len=*), intent(in) :: expected
    character(len=:), allocatable, intent(inout) :: message
    integer :: status
    x = 0
    status = verify(entry%value, '+-0123456789')
    if (status == 0) read (entry%value, *, iostat=status) x
    good = status == 0 .and. entry%value /= ''
    if (.not. good) call expect(entry, expected, message)
  end function read_integer

  logical function read_logical(entry, x, expected, message) result(good)
    type(namelist_entry), intent(in) :: entry
    logical, intent(out) :: x
    character(len=*), intent(in) :: expected
    character(len=:), allocatable, intent(inout) :: message
    integer :: status
    x = .false.
    status = verify(entry%value, '.trueflsTRUEFLS')
    if (status == 0) read (entry%value, *, iostat=status) x
    good = status == 0 .and. entry%value /= ''
    if (.not. good) call expect(entry, expected, message)
  end function read_logical

  subroutine read_integers(entry, list, message)
    type(namelist_entry), intent(in) :: entry
    integer, allocatable, intent(inout) :: list(:)
    character(len=:), allocatable, intent(inout) :: message
    integer :: i, status, count
    count = 1
    do i = 1, len(entry%value)
      if (entry%value(i:i) == ',') count = count + 1
    end do
    if (allocated(list)) deallocate (list)
    allocate (list(count))
    list = 0
    status = verify(entry%value, '0123456789, ')
    if (status == 0) read (entry%value, *, iostat=status) list
    if (status == 0 .and. all(list >= 1) .and. all(list(2:) > list(:count - 1))) return
    call expect(entry, 'whole numbers, 1 or more and rising, with commas between them', message)
  end subroutine read_integers

  subroutine read_word(entry, words, word, message)
    type(namelist_entry), intent(in) :: entry
    character(len=*), intent(in) :: words(:)
    character(len=*), intent(inout) :: word
    character(len=:), allocatable, intent(inout) :: message
    character(len=:), allocatable :: bare
    integer :: n
    n = len(entry%value)
    bare = ''
    if (n > 2) then
      if (scan(entry%value(1:1), '''"') == 1 .and. entry%value(n:n) == entry%value(1:1)) bare = entry%value(2:n - 1)
    end if
    if (any(words == bare)) then
      word = bare
    else if (bare == '') then
      call expect(entry, 'a word in quotation marks, ' // joined(words), message)
    else
      call expect(entry, joined(words), message)
      message = message // '; is it ' // trim(words(closest(bare, words))) // '?'
    end if
  end subroutine read_word

  pure subroutine expect(entry, expected, message)
    !! Says what a key takes and what came.
    type(namelist_entry), intent(in) :: entry
    character(len=*), intent(in) :: expected
    character(len=:), allocatable, intent(inout) :: message
    message = entry%key // ': expected ' // expected // ', got ' // entry%value
    if (entry%value == '') message = message // 'nothing'
  end subroutine expect

end module ftorch_namelist
