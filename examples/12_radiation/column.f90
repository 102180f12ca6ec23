!> Columns of air: their layers, what is in them, and what convection does to them. Layer 1 is the highest.
module column
   use, intrinsic :: iso_fortran_env, only: real64
   implicit none (type, external)
   private
   public :: half_levels, ozone_of, vapour_of, convect

   real(real64), parameter, public :: surface = 1e5_real64                 !< Pa
   real(real64), parameter, public :: gravity = 9.81_real64, heat = 1004   !< m s-2, J kg-1 K-1
   real(real64), parameter, public :: slab = 2 * 4.2e6_real64              !< J m-2 K-1: two metres of water are the surface
   real(real64), parameter, public :: sun_constant = 1361                  !< W m-2
   real(real64), parameter :: lapse = 287 * 6.5e-3_real64 / gravity        !< 6.5 K km-1, as d ln T / d ln p

contains

   !> Pressure between layers, Pa, from the top to the ground: close to each other at both ends (Manabe and Wetherald 1967).
   !> `crowded` is 1; with more, more of the layers are near the top.
   pure function half_levels(levels, crowded) result(p)
      integer, intent(in) :: levels
      real(real64), intent(in) :: crowded
      real(real64) :: p(levels + 1), s
      integer :: k
      do k = 1, levels + 1
         s = ((k - 1) / real(levels, real64))**crowded
         p(k) = surface * s**2 * (3 - 2 * s)
      end do
   end function half_levels

   !> Ozone of the tropics, kg/kg, at a pressure in Pa (Wing et al. 2018).
   elemental real(real64) function ozone_of(p)
      real(real64), intent(in) :: p
      associate (hpa => p / 100)
         ozone_of = 48.0_real64 / 29 * 1e-6_real64 * 3.6478_real64 * hpa**0.83209_real64 * exp(-hpa / 11.3515_real64)
      end associate
   end function ozone_of

   !> Vapour, kg/kg, of air whose relative humidity at the ground is `humidity` and falls with pressure (Manabe and Wetherald 1967).
   elemental real(real64) function vapour_of(t, p, humidity)
      real(real64), intent(in) :: t, p, humidity
      real(real64) :: saturated, relative
      saturated = min(610.8_real64 * exp(17.27_real64 * (t - 273.15_real64) / max(t - 35.85_real64, 50.0_real64)), 0.2_real64 * p)
      relative = humidity * max(0.0_real64, (p / surface - 0.02_real64) / 0.98_real64)
      vapour_of = max(3e-6_real64, 0.622_real64 * relative * saturated / p)
   end function vapour_of

   !> Where temperature falls faster than 6.5 K km-1, layers are mixed until it does not, and no heat is made or lost.
   !>
   !> From the ground upward, each layer is a block of its own, and one that is colder than what rises from below joins it.
   pure subroutine convect(t, ground, half)
      real(real64), intent(inout) :: t(:), ground   !< K: of the layers, and of the surface
      real(real64), intent(in) :: half(:)           !< Pa
      real(real64) :: factor(size(t)), capacity(size(t)), energy(0:size(t)), weight(0:size(t))
      integer :: members(0:size(t)), block, top, k, i
      associate (levels => size(t))
         factor = ((half(:levels) + half(2:)) / 2 / surface)**lapse      ! a mixed block is so much colder here than at the ground
         capacity = heat * (half(2:) - half(:levels)) / gravity
         energy(0) = slab * ground
         weight(0) = slab
         members(0) = 0
         top = 0
         do k = levels, 1, -1
            top = top + 1
            energy(top) = capacity(k) * t(k)
            weight(top) = capacity(k) * factor(k)
            members(top) = 1
            do while (top > 0)
               if (energy(top) * weight(top - 1) >= energy(top - 1) * weight(top)) exit
               energy(top - 1) = energy(top - 1) + energy(top)
               weight(top - 1) = weight(top - 1) + weight(top)
               members(top - 1) = members(top - 1) + members(top)
               top = top - 1
            end do
         end do
         ground = energy(0) / weight(0)
         k = levels
         do block = 0, top
            do i = 1, members(block)
               t(k) = energy(block) / weight(block) * factor(k)
               k = k - 1
            end do
         end do
      end associate
   end subroutine convect

end module column
