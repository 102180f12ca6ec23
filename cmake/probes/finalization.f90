! Does this compiler finalize the results of functions? Prints "kept" or "finalized", or the reason why it cannot be used.
!
! The library's operators must know: where the compiler does not finalize all inner results of `a + b + c` and the like, they are
! released when they are read, and a compiler that finalizes some of them nevertheless (gfortran 13 and 14: all but those in array
! constructors) does no harm. One that finalizes a result before it was used does.
module probe
  implicit none (type, external)
  private
  public :: item, make, use_it, finalized, used_after_finalization

  integer, save :: finalized = 0
  logical, save :: used_after_finalization = .false.

  type :: item
    integer :: state = 0  ! 0 nothing, 1 alive, -1 finalized
  contains
    procedure, private :: assign
    procedure, private :: add
    generic :: assignment(=) => assign
    generic :: operator(+) => add
    final :: finish
  end type item

contains

  function make() result(r)
    type(item) :: r
    r%state = 1
  end function make

  function add(a, b) result(r)
    class(item), intent(in) :: a
    type(item), intent(in) :: b
    type(item) :: r
    call check(a%state)
    call check(b%state)
    r%state = 1
  end function add

  impure elemental subroutine assign(a, b)
    class(item), intent(inout) :: a
    type(item), intent(in) :: b
    call check(b%state)
    a%state = 2
  end subroutine assign

  subroutine use_it(a)
    type(item), intent(in) :: a
    call check(a%state)
  end subroutine use_it

  subroutine check(state)
    integer, intent(in) :: state
    if (state < 0) used_after_finalization = .true.
  end subroutine check

  ! Counts results only: they alone have state 1.
  impure elemental subroutine finish(self)
    type(item), intent(inout) :: self
    if (self%state == 1) finalized = finalized + 1
    self%state = -1
  end subroutine finish
end module probe

program finalization
  use probe
  implicit none (type, external)
  integer :: counts(5)

  call assigned()
  call argument()
  call nested()
  call associated_name()
  call constructed()

  if (used_after_finalization) then
    print '(a)', 'it finalizes the result of a function before the result is used'
  else
    print '(a)', trim(merge('finalized', 'kept     ', all(counts == [1, 1, 4, 1, 2])))
  end if

contains

  subroutine assigned()
    type(item) :: x
    finalized = 0
    x = make()
    counts(1) = finalized
  end subroutine assigned

  subroutine argument()
    finalized = 0
    call use_it(make())
    counts(2) = finalized
  end subroutine argument

  ! Two calls of make and two sums.
  subroutine nested()
    type(item) :: x, y
    x%state = 2
    finalized = 0
    y = make() + x + make()
    counts(3) = finalized
  end subroutine nested

  subroutine associated_name()
    finalized = 0
    associate (x => make())
      call use_it(x)
    end associate
    counts(4) = finalized
  end subroutine associated_name

  subroutine constructed()
    finalized = 0
    call use_all([make(), make()])
    counts(5) = finalized
  end subroutine constructed

  subroutine use_all(list)
    type(item), intent(in) :: list(:)
    integer :: i
    do i = 1, size(list)
      call use_it(list(i))
    end do
  end subroutine use_all
end program finalization
