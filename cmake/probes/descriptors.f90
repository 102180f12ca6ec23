! Does this compiler describe assumed-rank arrays to C as the standard says? Prints nothing, or what is wrong.
module probe
  use, intrinsic :: iso_c_binding, only: c_double, c_int, c_loc, c_ptr, c_ptrdiff_t
  implicit none (type, external)
  private
  public :: probe_array, probe_double, probe_pointer

  interface
    ! Compares the descriptor with what it should say and prints the first difference.
    subroutine probe_array(array, what, address, rank, extents, strides) bind(C)
      import :: c_int, c_ptr, c_ptrdiff_t
      type(*), intent(in), target :: array(..)
      integer(c_int), value :: what, rank
      type(c_ptr), value :: address
      integer(c_ptrdiff_t), intent(in) :: extents(*), strides(*)
    end subroutine probe_array
    subroutine probe_double(array, what, address, rank, extents, strides) bind(C)
      import :: c_double, c_int, c_ptr, c_ptrdiff_t
      real(c_double), intent(in), target :: array(..)
      integer(c_int), value :: what, rank
      type(c_ptr), value :: address
      integer(c_ptrdiff_t), intent(in) :: extents(*), strides(*)
    end subroutine probe_double
    ! Points p at rows 1, 3 and columns 1, 2 of a matrix with leading dimension 4.
    subroutine probe_pointer(p, address) bind(C)
      import :: c_double, c_ptr
      real(c_double), pointer, intent(inout) :: p(..)
      type(c_ptr), value :: address
    end subroutine probe_pointer
  end interface
end module probe

program descriptors
  use, intrinsic :: iso_c_binding, only: c_double, c_f_pointer, c_loc, c_ptrdiff_t
  use probe
  implicit none (type, external)
  integer(c_ptrdiff_t), parameter :: none(0) = 0
  real(c_double), target :: a(4, 6), scalar
  real(c_double), pointer :: p(:, :), fresh(:, :)
  integer :: i

  a = reshape([(real(i, c_double), i=1, size(a))], shape(a))
  scalar = 1
  call both(a, 1, 1)
  call probe_array(a, 1, c_loc(a(1, 1)), 2, shape(a, c_ptrdiff_t), [8_c_ptrdiff_t, 32_c_ptrdiff_t])
  call probe_array(a(1:4:3, 2:6:2), 2, c_loc(a(1, 2)), 2, [2_c_ptrdiff_t, 3_c_ptrdiff_t], [24_c_ptrdiff_t, 64_c_ptrdiff_t])
  call probe_double(a(1:4:3, 2:6:2), 2, c_loc(a(1, 2)), 2, [2_c_ptrdiff_t, 3_c_ptrdiff_t], [24_c_ptrdiff_t, 64_c_ptrdiff_t])
  call probe_array(a(4:1:-1, 3), 3, c_loc(a(4, 3)), 1, [4_c_ptrdiff_t], [-8_c_ptrdiff_t])
  call probe_double(a(4:1:-1, 3), 3, c_loc(a(4, 3)), 1, [4_c_ptrdiff_t], [-8_c_ptrdiff_t])
  call probe_double(scalar, 4, c_loc(scalar), 0, none, none)
  call c_f_pointer(c_loc(a), p, [4, 6])
  call probe_array(p, 5, c_loc(a(1, 1)), 2, shape(a, c_ptrdiff_t), [8_c_ptrdiff_t, 32_c_ptrdiff_t])
  call point(fresh)
  if (.not. associated(fresh)) then
    print '(a)', 'a pointer that C has set is not associated'
  else if (any(shape(fresh) /= [2, 2])) then
    print '(a)', 'a pointer that C has set has a wrong shape'
  else if (any(abs(fresh - a(1:3:2, 1:2)) > 0)) then
    print '(a)', 'a pointer that C has set shows wrong elements'
  end if

contains

  ! So does a pointer, and what it was before is not defined. gfortran 11 has no rank for it and ends the program.
  subroutine point(found)
    real(c_double), pointer, intent(inout) :: found(..)
    call probe_pointer(found, c_loc(a))
  end subroutine point

  ! The section arrives through an assumed-rank dummy argument of Fortran first, as in the library.
  subroutine both(array, lower_row, lower_column)
    real(c_double), intent(in), target :: array(..)
    integer, intent(in) :: lower_row, lower_column
    call probe_array(array, 1, c_loc(a(lower_row, lower_column)), 2, shape(a, c_ptrdiff_t), [8_c_ptrdiff_t, 32_c_ptrdiff_t])
  end subroutine both
end program descriptors
