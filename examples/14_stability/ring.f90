!> The equation of Kuramoto and Sivashinsky on a ring of cells, u' = -(u**2 / 2 + u_x + u_xxx)_x, for arrays u(cell, member).
!>
!> Long waves grow (u_x), the wind u steepens them into short ones, and the last flux damps those. How much of it there is, from 0
!> to 1, is `damping`. The fluxes of the wind make no energy (Zabusky and Kruskal 1965), and no flux makes any u.
module ring
   use, intrinsic :: iso_fortran_env, only: real64
   use draws, only: draw
   implicit none (type, external)
   private
   public :: set_ring, advance, disturb, dx, dt, kept

   !> The share of the damping that stays in the host when its scheme, which has the rest, is taken away.
   real(real64), parameter :: kept = 0.2_real64
   real(real64), protected :: dx = 1, dt = 0.2_real64   !< width of a cell, length of a step

contains

   subroutine set_ring(cells, length, step)
      integer, intent(in) :: cells
      real(real64), intent(in) :: length, step
      dx = length / cells
      dt = step
   end subroutine set_ring

   subroutine advance(u, damping, flux)
      real(real64), intent(inout) :: u(:, :)
      real(real64), intent(in) :: damping, flux(:, :)   !< flux: more of it, constant in the step; a network's
      real(real64), dimension(size(u, 1), size(u, 2)) :: rate, middle, change, behind
      include 'advance.inc'
   end subroutine advance

   subroutine tendency(u, damping, rate)
      real(real64), intent(in) :: u(:, :), damping
      real(real64), intent(out) :: rate(:, :)
      real(real64), dimension(size(u, 1), size(u, 2)) :: ahead, two_ahead, behind, flux, flux_behind
      include 'tendency.inc'
   end subroutine tendency

   !> What the cells so many further on have.
   subroutine neighbour(u, distance, values)
      real(real64), intent(in) :: u(:, :)
      integer, intent(in) :: distance
      real(real64), intent(out) :: values(:, :)
      values = cshift(u, distance, 1)
   end subroutine neighbour

   !> Adds random numbers of a size (their standard deviation), and none to the mean of a ring.
   subroutine disturb(u, deviation, random_state)
      real(real64), intent(inout) :: u(:, :)
      real(real64), intent(in) :: deviation
      real(real64), intent(inout) :: random_state
      real(real64) :: off(size(u, 1))
      integer :: i, member
      do member = 1, size(u, 2)
         do i = 1, size(off)
            call draw(random_state, off(i))
         end do
         u(:, member) = u(:, member) + deviation * sqrt(3.0_real64) * (off - sum(off) / size(off))
      end do
   end subroutine disturb

end module ring
