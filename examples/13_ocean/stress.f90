!> Stress and what it does: friction of the grid, the closure of Zanna and Bolton, and the force that any stress makes.
module stress
   use, intrinsic :: iso_fortran_env, only: real64
   use basin, only: grid
   implicit none (type, external)
   private
   public :: force, friction, to_corners, zanna_bolton

contains

   !> What a stress (m2 s-2; xx and yy in the middle of cells, xy on corners) does to the velocities: its divergence.
   !>
   !> Each number is added to one box of water and taken from its neighbour: momentum is only moved, whatever the stress is, but
   !> for what the coast takes where there is stress on it.
   pure subroutine force(g, h, h_corner, xx, xy, yy, du, dv)
      type(grid), intent(in) :: g
      real(real64), intent(in) :: h(0:, 0:), h_corner(0:, 0:)
      real(real64), intent(in) :: xx(0:, 0:), xy(0:, 0:), yy(0:, 0:)
      real(real64), intent(inout) :: du(0:, 0:), dv(0:, 0:)       !< m s-2; is added to
      integer :: i, j
      do j = 1, g%rows
         do i = 1, g%n
            du(i, j) = du(i, j) + g%face_u(i, j) * 2 / (g%dx * max(h(i, j) + h(i + 1, j), 1.0_real64)) &
               * (h(i + 1, j) * xx(i + 1, j) - h(i, j) * xx(i, j) &
                  + h_corner(i, j) * xy(i, j) - h_corner(i, j - 1) * xy(i, j - 1))
            dv(i, j) = dv(i, j) + g%face_v(i, j) * 2 / (g%dx * max(h(i, j) + h(i, j + 1), 1.0_real64)) &
               * (h(i, j + 1) * yy(i, j + 1) - h(i, j) * yy(i, j) &
                  + h_corner(i, j) * xy(i, j) - h_corner(i - 1, j) * xy(i - 1, j))
         end do
      end do
   end subroutine force

   !> Stretching in the middle of cells, shear and vorticity on corners (s-1); the water slips along coasts.
   pure subroutine deform(g, u, v, stretching, shear, vorticity)
      type(grid), intent(in) :: g
      real(real64), intent(in) :: u(0:, 0:), v(0:, 0:)
      real(real64), intent(out) :: stretching(0:, 0:), shear(0:, 0:), vorticity(0:, 0:)
      real(real64) :: east, north
      integer :: i, j
      stretching = 0
      shear = 0
      vorticity = 0
      do j = 0, g%rows
         do i = 0, g%n
            east = g%corner(i, j) * (v(i + 1, j) - v(i, j)) / g%dx
            north = g%corner(i, j) * (u(i, j + 1) - u(i, j)) / g%dx
            shear(i, j) = north + east
            vorticity(i, j) = east - north
         end do
      end do
      do j = 1, g%rows + 1
         do i = 1, g%n
            stretching(i, j) = g%wet(i, j) * (u(i, j) - u(i - 1, j) - v(i, j) + v(i, j - 1)) / g%dx
         end do
      end do
   end subroutine deform

   !> The stress of the grid's own friction, a viscosity.
   pure subroutine friction(g, viscosity, u, v, xx, xy, yy)
      type(grid), intent(in) :: g
      real(real64), intent(in) :: viscosity                       !< m2 s-1
      real(real64), intent(in) :: u(0:, 0:), v(0:, 0:)
      real(real64), intent(out) :: xx(0:, 0:), xy(0:, 0:), yy(0:, 0:)
      call deform(g, u, v, xx, xy, yy)                            ! yy has the vorticity for a moment
      xx = viscosity * xx
      xy = viscosity * xy
      yy = -xx
   end subroutine friction

   !> The closure that an algorithm found in data (Zanna and Bolton 2020), with stress in the middle of cells. `strength` is the
   !> share of a cell's area that their coefficient is: 1/24 for a Taylor series of a mean over the cell.
   pure subroutine zanna_bolton(g, strength, u, v, xx, xy, yy)
      type(grid), intent(in) :: g
      real(real64), intent(in) :: strength
      real(real64), intent(in) :: u(0:, 0:), v(0:, 0:)
      real(real64), intent(out) :: xx(0:, 0:), xy(0:, 0:), yy(0:, 0:)
      real(real64), dimension(0:g%n + 1, 0:g%rows + 1) :: stretching, shear, vorticity
      real(real64) :: d, z, squares
      integer :: i, j
      call deform(g, u, v, stretching, shear, vorticity)
      xx = 0
      xy = 0
      yy = 0
      do j = 1, g%rows
         do i = 1, g%n
            z = sum(vorticity(i - 1:i, j - 1:j)) / 4
            d = sum(shear(i - 1:i, j - 1:j)) / 4
            squares = (z**2 + d**2 + stretching(i, j)**2) / 2
            xx(i, j) = -strength * g%dx**2 * g%wet(i, j) * (squares - z * d)
            yy(i, j) = -strength * g%dx**2 * g%wet(i, j) * (squares + z * d)
            xy(i, j) = -strength * g%dx**2 * g%wet(i, j) * z * stretching(i, j)
         end do
      end do
   end subroutine zanna_bolton

   !> The mean of the wet cells around each corner.
   pure subroutine to_corners(g, cell, corner)
      type(grid), intent(in) :: g
      real(real64), intent(in) :: cell(0:, 0:)                    !< 0 on land
      real(real64), intent(out) :: corner(0:, 0:)
      integer :: j
      corner = 0
      do j = 0, g%rows
         corner(0:g%n, j) = g%share(0:g%n, j) * (cell(0:g%n, j) + cell(1:, j) + cell(0:g%n, j + 1) + cell(1:, j + 1))
      end do
   end subroutine to_corners

end module stress
