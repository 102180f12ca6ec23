!> Air that turns in a plane: a stream function that never changes, and transport by it.
!>
!> The set-up is a common one for testing clouds without a dynamical core: one eddy, 1.5 km wide and high, lifts moist air, and lets
!> it sink again (Arabas et al. 2015, Geoscientific Model Development 8).
module eddy
   use, intrinsic :: iso_fortran_env, only: real64
   implicit none (type, external)
   private
   public :: air, set_up, carry, fall

   integer, parameter, public :: nx = 32, nz = 32
   real(real64), parameter, public :: size = 1500, cell = size / nz       !< m
   real(real64), parameter, public :: gravity = 9.81_real64, gas = 287, heat = 1004, surface = 101500, reference = 1.0e5_real64
   real(real64), parameter :: pi = acos(-1.0_real64), ground_theta = 289

   !> What does not change: pressure (Pa), Exner function, density (kg m-3) of each layer, and the mass that flows through each
   !> face in a second (kg m-2 s-1): `east(i, :)` into cell i from the west, `up(:, k)` into layer k from below.
   type :: air
      real(real64) :: pressure(nz), exner(nz), density(nz)
      real(real64) :: east(nx, nz), up(nx, nz + 1)
   end type air

contains

   !> Dry air of one potential temperature at rest; and the eddy, with an updraft of `updraft` m s-1.
   subroutine set_up(a, updraft)
      type(air), intent(out) :: a
      real(real64), intent(in) :: updraft
      real(real64) :: stream(0:nx, 0:nz)
      integer :: i, k
      do k = 1, nz
         a%exner(k) = (surface / reference)**(gas / heat) - gravity * (k - 0.5_real64) * cell / (heat * ground_theta)
         a%pressure(k) = reference * a%exner(k)**(heat / gas)
         a%density(k) = a%pressure(k) / (gas * ground_theta * a%exner(k))
      end do
      do k = 0, nz
         do i = 0, nx
            stream(i, k) = -updraft * size / (2 * pi) * sin(pi * k / nz) * cos(2 * pi * i / nx)
         end do
      end do
      ! Differences of one stream function: as much air comes into each cell as leaves it.
      a%east = -(stream(:nx - 1, 1:) - stream(:nx - 1, :nz - 1)) / cell
      a%up = (stream(1:, :) - stream(:nx - 1, :)) / cell
   end subroutine set_up

   !> Moves a field: upstream differences with van Leer's limiter, so that nothing is lost and nothing becomes negative (as long as
   !> the air crosses at most a quarter of a cell in a step).
   pure subroutine carry(a, q, dt)
      type(air), intent(in) :: a
      real(real64), intent(inout) :: q(nx, nz)
      real(real64), intent(in) :: dt
      real(real64) :: east(0:nx, nz), up(nx, nz + 1)
      integer :: i, k
      do k = 1, nz
         do i = 1, nx
            associate (west => modulo(i - 2, nx) + 1)
               east(i - 1, k) = flux(a%east(i, k), q(modulo(i - 3, nx) + 1, k), q(west, k), q(i, k), q(modulo(i, nx) + 1, k), &
                                     dt / (a%density(k) * cell))
            end associate
         end do
         east(nx, k) = east(0, k)
      end do
      up(:, 1) = 0
      up(:, nz + 1) = 0
      do k = 2, nz
         do i = 1, nx
            up(i, k) = flux(a%up(i, k), q(i, max(k - 2, 1)), q(i, k - 1), q(i, k), q(i, min(k + 1, nz)), &
                            dt / (min(a%density(k), a%density(k - 1)) * cell))
         end do
      end do
      do k = 1, nz
         q(:, k) = q(:, k) + dt / (a%density(k) * cell) * (east(:nx - 1, k) - east(1:, k) + up(:, k) - up(:, k + 1))
      end do
   end subroutine carry

   !> What `mass` (kg m-2 s-1) brings across a face between q1 and q2; q0 and q3 lie behind them.
   pure real(real64) function flux(mass, q0, q1, q2, q3, courant_of_one)
      real(real64), intent(in) :: mass, q0, q1, q2, q3, courant_of_one
      real(real64) :: behind, across, from
      if (mass >= 0) then
         behind = q1 - q0
         from = q1
         across = q2 - q1
      else
         behind = q2 - q3
         from = q2
         across = q1 - q2
      end if
      flux = mass * from
      if (behind * across > 0) flux = flux + mass * (1 - abs(mass) * courant_of_one) * behind * across / (behind + across)
   end function flux

   !> Rain falls, in steps so short that it crosses at most half a layer; what reaches the ground (kg m-2) is returned.
   pure subroutine fall(a, rain, dt, ground)
      type(air), intent(in) :: a
      real(real64), intent(inout) :: rain(nx, nz)
      real(real64), intent(in) :: dt
      real(real64), intent(out) :: ground(nx)
      integer, parameter :: parts = 4
      real(real64) :: down(nx, nz + 1)
      integer :: part, k
      ground = 0
      do part = 1, parts
         down(:, nz + 1) = 0
         do k = 1, nz
            down(:, k) = a%density(k) * rain(:, k) * speed(rain(:, k), a%density(k), a%density(1))
         end do
         do k = 1, nz
            rain(:, k) = rain(:, k) + dt / parts / (a%density(k) * cell) * (down(:, k + 1) - down(:, k))
         end do
         ground = ground + dt / parts * down(:, 1)
      end do
   end subroutine fall

   !> m s-1 (Soong and Ogura 1973).
   elemental real(real64) function speed(rain, density, density_at_ground)
      real(real64), intent(in) :: rain, density, density_at_ground
      speed = 36.34_real64 * (0.001_real64 * density * max(rain, 0.0_real64))**0.1364_real64 * sqrt(density_at_ground / density)
   end function speed

end module eddy
