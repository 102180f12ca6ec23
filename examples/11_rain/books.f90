!> The books of water and heat: what there is, what came and went, and what is left that nobody can explain.
module books
   use, intrinsic :: iso_fortran_env, only: real64
   use eddy, only: air, cell, nx, nz
   use kessler, only: heat, latent
   implicit none (type, external)
   private
   public :: book

   !> kg m-1 and J m-1: the plane is a metre deep.
   type :: book
      real(real64) :: water_at_first = 0, heat_at_first = 0
      real(real64) :: water_added = 0       !< by what holds the climate
      real(real64) :: water_rained = 0      !< on the ground
      real(real64) :: heat_made = 0         !< by the scheme, out of nothing
      real(real64) :: negative_rain = 0, negative_cloud = 0, negative_vapour = 0   !< pieces of air, in all steps
   contains
      procedure :: open => open_book
      procedure :: water_left
      procedure :: heat_left
   end type book

contains

   subroutine open_book(self, a, temperature, vapour)
      class(book), intent(out) :: self
      type(air), intent(in) :: a
      real(real64), intent(in) :: temperature(nx, nz), vapour(nx, nz)
      self%water_at_first = total(a, vapour)
      self%heat_at_first = total(a, heat * temperature + latent * vapour)
   end subroutine open_book

   !> Water that nobody can explain, as a share of all.
   pure real(real64) function water_left(self, a, vapour, cloud, rain)
      class(book), intent(in) :: self
      type(air), intent(in) :: a
      real(real64), intent(in) :: vapour(nx, nz), cloud(nx, nz), rain(nx, nz)
      water_left = (total(a, vapour + cloud + rain) - self%water_at_first - self%water_added + self%water_rained) &
                   / self%water_at_first
   end function water_left

   !> Heat that the scheme has made out of nothing, as a share of all.
   pure real(real64) function heat_left(self)
      class(book), intent(in) :: self
      heat_left = self%heat_made / self%heat_at_first
   end function heat_left

   pure real(real64) function total(a, amount)
      type(air), intent(in) :: a
      real(real64), intent(in) :: amount(nx, nz)   !< in a kilogram of air
      total = sum(sum(amount, dim=1) * a%density) * cell**2
   end function total

end module books
