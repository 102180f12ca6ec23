!> One layer of warm water above a deep, cold one at rest: the shallow-water equations with reduced gravity, driven by the wind.
!>
!> Potential vorticity and energy as in Sadourny (1975), the form that conserves potential enstrophy; thickness first and pressure
!> from the new thickness (forward-backward), everything else by Adams and Bashforth's third-order step.
module shallow_water
   use, intrinsic :: iso_fortran_env, only: real64
   use basin, only: grid, length
   use stress, only: force, friction, to_corners
   use strips, only: exchange
   implicit none (type, external)
   private
   public :: ocean, start_at_rest, step

   real(real64), parameter :: pi = acos(-1.0_real64)
   real(real64), parameter :: gravity = 0.05_real64               !< m s-2, reduced: of the warm water above the cold one
   real(real64), parameter :: depth = 500                         !< m, of the warm water at rest
   real(real64), parameter :: f0 = 0.83e-4_real64, beta = 2.0e-11_real64   !< s-1, m-1 s-1: 35 degrees north
   real(real64), parameter :: density = 1025                      !< kg m-3

   type :: ocean
      real(real64) :: wind = 0.1_real64                           !< N m-2
      real(real64) :: drag = 2.0e-7_real64                        !< s-1
      real(real64) :: viscosity = 0                               !< m2 s-1
      real(real64) :: dt = 0                                      !< s
      real(real64), allocatable :: h(:, :), u(:, :), v(:, :)
      real(real64), allocatable, dimension(:, :, :) :: dh, du, dv  !< of this step, the one before, and the one before that
      real(real64), allocatable :: h_corner(:, :)
      real(real64), allocatable, dimension(:, :), private :: east, north, potential, energy, xx, xy, yy   ! room for a step
   end type ocean

contains

   subroutine start_at_rest(o, g)
      type(ocean), intent(inout) :: o
      type(grid), intent(in) :: g
      allocate (o%h(0:g%n + 1, 0:g%rows + 1), source=0.0_real64)
      allocate (o%u, o%v, o%h_corner, o%east, o%north, o%potential, o%energy, o%xx, o%xy, o%yy, source=o%h)
      o%h = depth * g%wet
      call to_corners(g, o%h, o%h_corner)
      o%dt = 86400 / (1.25_real64 * g%n)
      allocate (o%dh(0:g%n + 1, 0:g%rows + 1, 3), source=0.0_real64)
      allocate (o%du, o%dv, source=o%dh)
   end subroutine start_at_rest

   !> A step in time. `force_u`, `force_v` (m s-2) and `force_h` (m s-1) are what a closure adds.
   !>
   !> Before it and after it, the rows of h, u and v beside the strip are those of the neighbours.
   subroutine step(o, g, force_u, force_v, force_h)
      type(ocean), intent(inout) :: o
      type(grid), intent(in) :: g
      real(real64), intent(in) :: force_u(0:, 0:), force_v(0:, 0:), force_h(0:, 0:)
      real(real64), parameter :: ab(3) = [23.0_real64, -16.0_real64, 5.0_real64] / 12
      integer :: i, j
      o%dh(:, :, 2:3) = o%dh(:, :, 1:2)
      o%du(:, :, 2:3) = o%du(:, :, 1:2)
      o%dv(:, :, 2:3) = o%dv(:, :, 1:2)
      call tendencies(o, g)
      o%du(:, :, 1) = o%du(:, :, 1) + force_u
      o%dv(:, :, 1) = o%dv(:, :, 1) + force_v
      o%dh(:, :, 1) = o%dh(:, :, 1) + force_h
      do j = 1, g%rows
         do i = 1, g%n
            o%h(i, j) = o%h(i, j) + o%dt * (ab(1) * o%dh(i, j, 1) + ab(2) * o%dh(i, j, 2) + ab(3) * o%dh(i, j, 3))
         end do
      end do
      call exchange(g, o%h)                                       ! the pressure is that of the new thickness
      do j = 1, g%rows
         do i = 1, g%n
            o%u(i, j) = o%u(i, j) + o%dt * g%face_u(i, j) * (ab(1) * o%du(i, j, 1) + ab(2) * o%du(i, j, 2) + ab(3) * o%du(i, j, 3) &
                                                             - gravity * (o%h(i + 1, j) - o%h(i, j)) / g%dx)
            o%v(i, j) = o%v(i, j) + o%dt * g%face_v(i, j) * (ab(1) * o%dv(i, j, 1) + ab(2) * o%dv(i, j, 2) + ab(3) * o%dv(i, j, 3) &
                                                             - gravity * (o%h(i, j + 1) - o%h(i, j)) / g%dx)
         end do
      end do
      call exchange(g, o%u)
      call exchange(g, o%v)
   end subroutine step

   !> What changes thickness, and velocities beside the pressure.
   subroutine tendencies(o, g)
      type(ocean), intent(inout) :: o
      type(grid), intent(in) :: g
      real(real64) :: y
      integer :: i, j, n, m
      n = g%n
      m = g%rows
      call to_corners(g, o%h, o%h_corner)
      o%east(0:n, :) = o%u(0:n, :) * (o%h(0:n, :) + o%h(1:, :)) / 2
      o%north(:, 0:m) = o%v(:, 0:m) * (o%h(:, 0:m) + o%h(:, 1:)) / 2
      do j = 0, m
         y = (g%before + j) * g%dx - length / 2
         do i = 0, n
            o%potential(i, j) = (f0 + beta * y &
                                 + g%corner(i, j) * (o%v(i + 1, j) - o%v(i, j) - o%u(i, j + 1) + o%u(i, j)) / g%dx) &
                              / max(o%h_corner(i, j), 1.0_real64)
         end do
      end do
      do j = 1, m + 1
         do i = 1, n
            o%energy(i, j) = (o%u(i - 1, j)**2 + o%u(i, j)**2 + o%v(i, j - 1)**2 + o%v(i, j)**2) / 4
         end do
      end do
      do j = 1, m
         y = (g%before + j - 0.5_real64) / n
         do i = 1, n
            o%du(i, j, 1) = (o%potential(i, j) + o%potential(i, j - 1)) * (o%north(i, j) + o%north(i + 1, j) + o%north(i, j - 1) &
                             + o%north(i + 1, j - 1)) / 8 - (o%energy(i + 1, j) - o%energy(i, j)) / g%dx - o%drag * o%u(i, j) &
                            + wind_at(y) * o%wind * 2 / (density * max(o%h(i, j) + o%h(i + 1, j), 1.0_real64))
            o%dv(i, j, 1) = -(o%potential(i, j) + o%potential(i - 1, j)) * (o%east(i, j) + o%east(i - 1, j) + o%east(i, j + 1) &
                             + o%east(i - 1, j + 1)) / 8 - (o%energy(i, j + 1) - o%energy(i, j)) / g%dx - o%drag * o%v(i, j)
         end do
      end do
      call friction(g, o%viscosity, o%u, o%v, o%xx, o%xy, o%yy)
      call force(g, o%h, o%h_corner, o%xx, o%xy, o%yy, o%du(:, :, 1), o%dv(:, :, 1))
      do j = 1, m
         do i = 1, n
            o%dh(i, j, 1) = -(o%east(i, j) - o%east(i - 1, j) + o%north(i, j) - o%north(i, j - 1)) / g%dx
         end do
      end do
   end subroutine tendencies

   !> From the east in the south and the north, from the west between: two gyres, the southern one stronger.
   pure real(real64) function wind_at(y)
      real(real64), intent(in) :: y                               !< from 0 in the south to 1 in the north
      wind_at = -cos(2 * pi * y) - 0.3_real64 * cos(pi * y)
   end function wind_at

end module shallow_water
