!> The heating of a column as the host has always computed it: radiation, and mixing between neighbouring levels.
module scheme
   use, intrinsic :: iso_fortran_env, only: real64
   implicit none (type, external)
   private
   public :: scheme_heating

   real(real64), parameter :: cooling = 5, mixing = 2   !< K/day

contains

   !> K/day for K, both (level, column), from the ground up.
   pure subroutine scheme_heating(temperature, heat)
      real(real64), intent(in) :: temperature(:, :)
      real(real64), intent(out) :: heat(:, :)
      real(real64) :: below, above, aim
      integer :: i, k, levels
      levels = size(temperature, 1)
      do i = 1, size(temperature, 2)
         do k = 1, levels
            below = temperature(max(k - 1, 1), i)
            above = temperature(min(k + 1, levels), i)
            aim = 290 - 70 * real(k - 1, real64) / levels
            heat(k, i) = cooling * (1 - (temperature(k, i) / aim)**4) + mixing * (below - 2 * temperature(k, i) + above)
         end do
      end do
   end subroutine scheme_heating

end module scheme
