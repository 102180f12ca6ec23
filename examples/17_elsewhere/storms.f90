!> Columns of air, each with a storm of its own: what lifts them, and transport.
!>
!> A kinematic driver: the updraft is prescribed, as in Shipway and Hill (2012), Quarterly Journal 138. Air comes in from below with
!> the properties that it has at the ground, as much leaves at the top, and pressure and density of each layer never change.
module storms
   use, intrinsic :: iso_fortran_env, only: real64
   implicit none (type, external)
   private
   public :: air, set_up, first_theta, first_vapour, carry, fall

   real(real64), parameter, public :: dt = 10   !< s, the time step
   real(real64), parameter :: gravity = 9.81_real64, gas = 287, heat = 1004, surface = 101500, reference = 1.0e5_real64

   !> What does not change in a layer: height of its middle (m), thickness (m), pressure (Pa), Exner function, density (kg m-3).
   type :: air
      real(real64), allocatable :: z(:), thickness(:), pressure(:), exner(:), density(:)
   end type air

contains

   !> Dry air at rest, in layers that grow upward by the factor `growth`, in a climate warmer by `warming` (K).
   subroutine set_up(a, layers, lowest, growth, warming)
      type(air), intent(out) :: a
      integer, intent(in) :: layers
      real(real64), intent(in) :: lowest, growth, warming
      real(real64) :: exner
      integer :: k
      allocate (a%z(layers), a%thickness(layers), a%pressure(layers), a%exner(layers), a%density(layers))
      exner = (surface / reference)**(gas / heat)
      do k = 1, layers
         a%thickness(k) = lowest * growth**(k - 1)
         a%z(k) = sum(a%thickness(:k)) - a%thickness(k) / 2
         associate (half => gravity * a%thickness(k) / (2 * heat * (first_theta(a%z(k)) + warming)))
            a%exner(k) = exner - half
            exner = exner - 2 * half
         end associate
         a%pressure(k) = reference * a%exner(k)**(heat / gas)
         a%density(k) = a%pressure(k) / (gas * (first_theta(a%z(k)) + warming) * a%exner(k))
      end do
   end subroutine set_up

   !> Potential temperature (K) in the trades: mixed below, stable above; the first state of the case RICO (van Zanten et al. 2011).
   elemental real(real64) function first_theta(z)
      real(real64), intent(in) :: z
      first_theta = 297.9_real64 + max(z - 740, 0.0_real64) * 0.005857_real64
   end function first_theta

   !> Water vapour (kg/kg) of the same case, through its values at 0, 740 and 3260 m.
   elemental real(real64) function first_vapour(z)
      real(real64), intent(in) :: z
      real(real64) :: above
      above = 13.8_real64 * exp(-max(z - 740, 0.0_real64) / 1440)
      first_vapour = 1e-3_real64 * (above + 1.2_real64 * max(1 - z / 740, 0.0_real64))
   end function first_vapour

   !> Lifts all columns by `mass` (kg m-2) of air each: upstream differences with van Leer's limiter. `below` comes in, and what
   !> leaves at the top (kg m-2) is returned.
   pure subroutine carry(a, q, mass, below, left)
      type(air), intent(in) :: a
      real(real64), intent(inout) :: q(:, :)
      real(real64), intent(in) :: mass(:), below(:)
      real(real64), intent(out) :: left(:)
      real(real64) :: across(0:size(q, 1)), layer(size(q, 1)), part
      integer :: i, k, step, steps
      layer = a%density * a%thickness
      left = 0
      do i = 1, size(q, 2)
         steps = ceiling(2 * mass(i) / minval(layer))   ! at most half of the smallest layer at once
         do step = 1, steps
            part = mass(i) / steps
            across(0) = part * below(i)
            do k = 1, size(q, 1)
               associate (behind => q(k, i) - merge(below(i), q(max(k - 1, 1), i), k == 1), &
                          ahead => q(min(k + 1, size(q, 1)), i) - q(k, i))
                  across(k) = part * q(k, i)
                  if (behind * ahead > 0) across(k) = across(k) + part * (1 - part / layer(k)) * behind * ahead / (behind + ahead)
               end associate
            end do
            q(:, i) = q(:, i) + (across(:size(q, 1) - 1) - across(1:)) / layer
            left(i) = left(i) + across(size(q, 1))
         end do
      end do
   end subroutine carry

   !> Rain falls, at most half a layer at once; what reaches the ground (kg m-2) is returned.
   pure subroutine fall(a, rain, dt, ground)
      type(air), intent(in) :: a
      real(real64), intent(inout) :: rain(:, :)
      real(real64), intent(in) :: dt
      real(real64), intent(out) :: ground(:)
      real(real64), parameter :: fastest = 10   ! m s-1
      real(real64) :: down(size(rain, 1) + 1)
      integer :: i, part, parts
      parts = ceiling(2 * fastest * dt / minval(a%thickness))
      ground = 0
      down(size(down)) = 0
      do i = 1, size(rain, 2)
         if (all(rain(:, i) <= 0)) cycle
         do part = 1, parts
            down(:size(rain, 1)) = a%density * rain(:, i) * speed(rain(:, i), a%density, a%density(1))
            rain(:, i) = rain(:, i) + dt / parts / (a%density * a%thickness) * (down(2:) - down(:size(rain, 1)))
            ground(i) = ground(i) + dt / parts * down(1)
         end do
      end do
   end subroutine fall

   !> m s-1 (Soong and Ogura 1973).
   elemental real(real64) function speed(rain, density, density_at_ground)
      real(real64), intent(in) :: rain, density, density_at_ground
      speed = 36.34_real64 * (0.001_real64 * density * max(rain, 0.0_real64))**0.1364_real64 * sqrt(density_at_ground / density)
   end function speed

end module storms
