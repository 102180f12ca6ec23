module ftorch1_kit
  !! Prints numbers by name, for the test to compare with PyTorch's.
  use, intrinsic :: iso_fortran_env, only: output_unit, real32, real64
  implicit none (type, external)
  private
  public :: say

  interface say
    module procedure say_real32, say_real64, say_integer, say_logical
  end interface say

contains

  subroutine say_real64(name, values)
    character(len=*), intent(in) :: name
    real(real64), intent(in) :: values(:)
    write (output_unit, '(2a, *(1x, es25.17))') '= ', name, values
  end subroutine say_real64

  subroutine say_real32(name, values)
    character(len=*), intent(in) :: name
    real(real32), intent(in) :: values(:)
    call say_real64(name, real(values, real64))
  end subroutine say_real32

  subroutine say_integer(name, values)
    character(len=*), intent(in) :: name
    integer, intent(in) :: values(:)
    call say_real64(name, real(values, real64))
  end subroutine say_integer

  subroutine say_logical(name, value)
    character(len=*), intent(in) :: name
    logical, intent(in) :: value
    call say_integer(name, [merge(1, 0, value)])
  end subroutine say_logical

end module ftorch1_kit
