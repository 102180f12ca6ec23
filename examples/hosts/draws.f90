!> Random numbers with a state that fits into a restart file: Park and Miller's "minimal standard" of 1988.
module draws
   use, intrinsic :: iso_fortran_env, only: int64, real64
   implicit none (type, external)
   private
   public :: draw, draw_normal

   integer(int64), parameter :: multiplier = 16807, modulus = 2147483647_int64

   !> Numbers of the standard normal distribution, after Box and Muller (1958).
   interface draw_normal
      procedure :: draw_normal_vector, draw_normal_matrix
   end interface draw_normal

contains

   !> A number between -1 and 1. The state is a whole number of 1 to 2**31 - 2, kept as a real that netCDF can hold.
   subroutine draw(state, number)
      real(real64), intent(inout) :: state
      real(real64), intent(out) :: number
      state = real(mod(multiplier * int(state, int64), modulus), real64)
      number = 2 * state / modulus - 1
   end subroutine draw

   subroutine draw_normal_vector(state, numbers)
      real(real64), intent(inout) :: state
      real(real64), intent(out) :: numbers(:)
      real(real64) :: distance, direction
      integer :: i
      do i = 1, size(numbers)
         call draw(state, distance)
         call draw(state, direction)
         numbers(i) = sqrt(-2 * log((distance + 1) / 2)) * cos(acos(-1.0_real64) * direction)
      end do
   end subroutine draw_normal_vector

   subroutine draw_normal_matrix(state, numbers)
      real(real64), intent(inout) :: state
      real(real64), intent(out) :: numbers(:, :)
      integer :: column
      do column = 1, size(numbers, 2)
         call draw_normal_vector(state, numbers(:, column))
      end do
   end subroutine draw_normal_matrix

end module draws
