module ftorch_text
  !! Numbers and words for messages. No function has a result of deferred length: gfortran keeps that length in one place for all
  !! threads (12 to 16), and a thread can get the length of another's. Lengths are known before the call, or a subroutine gives it.
  use, intrinsic :: iso_fortran_env, only: int32, int64, real64
  implicit none (type, external)
  private

  public :: text, get_text, get_digest, lower_case, closest, joined

  interface text
    !! A number as short as it can be written.
    module procedure text_int32, text_int64, text_real64
  end interface text

contains

  pure function text_int64(number) result(written)
    integer(int64), intent(in) :: number
    character(len=len_trim(digits_of(number))) :: written
    written = digits_of(number)
  end function text_int64

  pure function text_int32(number) result(written)
    integer(int32), intent(in) :: number
    character(len=len_trim(digits_of(int(number, int64)))) :: written
    written = digits_of(int(number, int64))
  end function text_int32

  pure function text_real64(number) result(written)
    real(real64), intent(in) :: number
    character(len=len_trim(digits_of_real(number))) :: written
    written = digits_of_real(number)
  end function text_real64

  pure function digits_of(number) result(digits)
    integer(int64), intent(in) :: number
    character(len=20) :: digits
    write (digits, '(i0)') number
  end function digits_of

  pure function digits_of_real(number) result(digits)
    real(real64), intent(in) :: number
    character(len=24) :: digits
    write (digits, '(g0.6)') number
    digits = adjustl(digits)
  end function digits_of_real

  pure subroutine get_text(given, found)
    !! A text without the blanks at its end; one that is absent is empty.
    character(len=*), optional, intent(in) :: given
    character(len=:), allocatable, intent(out) :: found
    found = ''
    if (present(given)) found = trim(given)
  end subroutine get_text

  pure subroutine get_digest(sha256, digest)
    !! The sum that a file must have; empty for any file. A blank sum asks for a file as well, which no file is.
    character(len=*), optional, intent(in) :: sha256
    character(len=:), allocatable, intent(out) :: digest
    digest = ''
    if (present(sha256)) digest = trim(sha256) // repeat(' ', merge(1, 0, len_trim(sha256) == 0))
  end subroutine get_digest

  pure function lower_case(word) result(lower)
    character(len=*), intent(in) :: word
    character(len=len(word)) :: lower
    integer :: i, code
    lower = word
    do i = 1, len(word)
      code = iachar(word(i:i))
      if (code >= iachar('A') .and. code <= iachar('Z')) lower(i:i) = achar(code + 32)
    end do
  end function lower_case

  pure function joined(words) result(list)
    !! Words with commas between them.
    character(len=*), intent(in) :: words(:)
    character(len=sum(len_trim(words)) + 2 * max(size(words) - 1, 0)) :: list
    integer :: i, first
    first = 1
    do i = 1, size(words)
      list(first:) = trim(words(i)) // ', '
      first = first + len_trim(words(i)) + 2
    end do
  end function joined

  pure integer function closest(word, words)
    !! Which word of a list takes the fewest changes of a letter to become the given one; the first of several.
    character(len=*), intent(in) :: word, words(:)
    integer :: i
    closest = 1
    do i = 2, size(words)
      if (distance(word, trim(words(i))) < distance(word, trim(words(closest)))) closest = i
    end do
  end function closest

  pure integer function distance(a, b)
    !! Levenshtein's: letters to insert, delete or replace.
    character(len=*), intent(in) :: a, b
    integer :: row(0:len(b)), i, j, diagonal, above
    row = [(j, j=0, len(b))]
    do i = 1, len(a)
      diagonal = row(0)
      row(0) = i
      do j = 1, len(b)
        above = row(j)
        row(j) = min(row(j) + 1, row(j - 1) + 1, diagonal + merge(0, 1, a(i:i) == b(j:j)))
        diagonal = above
      end do
    end do
    distance = row(len(b))
  end function distance

end module ftorch_text
