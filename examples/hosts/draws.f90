!> Random numbers with a state that fits into a restart file: Park and Miller's "minimal standard" of 1988.
module draws
   use, intrinsic :: iso_fortran_env, only: int64, real64
   implicit none (type, external)
   private
   public :: draw

   integer(int64), parameter :: multiplier = 16807, modulus = 2147483647_int64

contains

   !> A number between -1 and 1. The state is a whole number of 1 to 2**31 - 2, kept as a real that netCDF can hold.
   subroutine draw(state, number)
      real(real64), intent(inout) :: state
      real(real64), intent(out) :: number
      state = real(mod(multiplier * int(state, int64), modulus), real64)
      number = 2 * state / modulus - 1
   end subroutine draw

end module draws
