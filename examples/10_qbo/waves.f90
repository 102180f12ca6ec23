!> The scheme to learn: what two waves do to the wind that they travel through.
!>
!> Plumb's (1977) pair of equal waves, one to the east and one to the west, with Holton and Lindzen's (1972) damping by infrared
!> cooling. A wave brings momentum from below. It is damped faster where the wind nearly keeps up with it, and leaves its momentum
!> there: the flux F of each falls with height as exp(-integral of g), g = alpha N / (k (u - c)**2), and the wind feels
!> -(1/rho) dF/dz.
module waves
   use, intrinsic :: iso_fortran_env, only: real64
   use column, only: bottom, density, height, levels, thickness
   implicit none (type, external)
   private
   public :: wave_drag

   real(real64), parameter :: day = 86400
   real(real64), parameter :: phase_speed(2) = [25.0_real64, -25.0_real64]          !< m s-1, to the east
   real(real64), parameter :: wavenumber = 2 * 2 * acos(-1.0_real64) / 4.0e7_real64  !< m-1: two waves around the equator
   real(real64), parameter :: buoyancy_frequency = 2.16e-2_real64                   !< s-1
   real(real64), parameter :: still = 1.0e-6_real64                                 !< m2 s-2: no division by zero
   !> Damping, s-1: once in 21 days at 17 km to once in 7 days at 30 km and above.
   real(real64), parameter :: slow = 1 / (21 * day), fast = 1 / (7 * day), fast_from = 30000

contains

   pure subroutine wave_drag(u, flux, drag)
      real(real64), intent(in) :: u(levels)      !< wind, m s-1
      real(real64), intent(in) :: flux(2)        !< momentum that the waves to the east and to the west bring, m2 s-2
      real(real64), intent(out) :: drag(levels)  !< acceleration of the wind, m s-1 a day
      real(real64) :: below, above, damping
      integer :: wave, k
      drag = 0
      do wave = 1, 2
         below = sign(flux(wave), phase_speed(wave))
         do k = 1, levels
            damping = slow + (fast - slow) * min((height(k) - bottom) / (fast_from - bottom), 1.0_real64)
            above = below * exp(-damping * buoyancy_frequency * thickness &
                                / (wavenumber * max((u(k) - phase_speed(wave))**2, still)))
            drag(k) = drag(k) + day * (below - above) / (density(k) * thickness)
            below = above
         end do
      end do
   end subroutine wave_drag

end module waves
