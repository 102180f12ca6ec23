!> The equatorial stratosphere as one column: layers of air whose eastward wind diffuses and is dragged.
module column
   use, intrinsic :: iso_fortran_env, only: real64
   implicit none (type, external)
   private
   public :: height, density, diffuse

   real(real64), parameter, public :: bottom = 17000, top = 35000        !< m
   integer, parameter, public :: levels = 72                             !< layers of 250 m
   real(real64), parameter, public :: thickness = (top - bottom) / levels
   real(real64), parameter :: scale_height = 7000                        !< m, over which density falls by a factor e

contains

   !> Middle of a layer, m.
   elemental real(real64) function height(level)
      integer, intent(in) :: level
      height = bottom + (level - 0.5_real64) * thickness
   end function height

   !> Density of a layer, in units of the density at the bottom.
   elemental real(real64) function density(level)
      integer, intent(in) :: level
      density = exp(-(height(level) - bottom) / scale_height)
   end function density

   !> A step of diffusion, backward in time: no wind at the bottom, no stress at the top.
   pure subroutine diffuse(u, diffusivity, dt)
      real(real64), intent(inout) :: u(levels)
      real(real64), intent(in) :: diffusivity, dt   !< m2 s-1, s
      real(real64) :: off, diagonal(levels), factor
      integer :: k
      off = -diffusivity * dt / thickness**2
      diagonal = 1 - 2 * off
      diagonal(1) = 1 - 3 * off                     ! the bottom is half a layer away
      diagonal(levels) = 1 - off
      do k = 2, levels                              ! Thomas's algorithm
         factor = off / diagonal(k - 1)
         diagonal(k) = diagonal(k) - factor * off
         u(k) = u(k) - factor * u(k - 1)
      end do
      u(levels) = u(levels) / diagonal(levels)
      do k = levels - 1, 1, -1
         u(k) = (u(k) - off * u(k + 1)) / diagonal(k)
      end do
   end subroutine diffuse

end module column
