!> What the eddies that a grid cannot see do to the flow that it can: stress and flux of a closure made into changes of velocity
!> and thickness, with the books of the momentum that is moved; and the day of a coarse ocean that samples are made of.
module closure
   use, intrinsic :: iso_fortran_env, only: real64
   use basin, only: coarsen, grid
   use shallow_water, only: ocean, start_at_rest, step
   use stress, only: force, to_corners
   use strips, only: exchange, gather, total
   implicit none (type, external)
   private
   public :: apply_closure, coarse_day, on_coarse_grid

contains

   !> What stress (m2 s-2) and flux of thickness (m2 s-1) of a closure, in the middle of cells, do to u, v and h. `momentum` is the
   !> largest share of all the momentum moved in one call, so far, that was not taken from somewhere.
   !>
   !> What goes through the edge of a strip has to be one number for both neighbours, so it is exchanged and not computed twice.
   subroutine apply_closure(g, o, xx, xy, yy, east, north, du, dv, dh, momentum)
      type(grid), intent(in) :: g
      type(ocean), intent(in) :: o
      real(real64), intent(in) :: xx(0:, 0:), east(0:, 0:)
      real(real64), contiguous, intent(inout) :: xy(0:, 0:), yy(0:, 0:), north(0:, 0:)   !< rows beside the strip change
      real(real64), intent(out) :: du(0:, 0:), dv(0:, 0:), dh(0:, 0:)
      real(real64), intent(inout) :: momentum
      real(real64), dimension(0:g%n + 1, 0:g%rows + 1) :: h_corner, xy_corner, through_u, through_v
      call exchange(g, xy)
      call exchange(g, yy)
      call exchange(g, north)
      call to_corners(g, o%h, h_corner)
      call to_corners(g, xy * g%wet, xy_corner)
      du = 0
      dv = 0
      dh = 0
      ! No stress on coasts: what is left only moves momentum.
      call force(g, o%h, h_corner, xx * g%open_x, xy_corner * g%corner, yy * g%open_y, du, dv)
      associate (n => g%n, m => g%rows)
         through_u(0:n, :) = g%face_u(0:n, :) * (east(0:n, :) + east(1:, :)) / 2
         through_v(:, 0:m) = g%face_v(:, 0:m) * (north(:, 0:m) + north(:, 1:)) / 2
         dh(1:n, 1:m) = -(through_u(1:n, 1:m) - through_u(0:n - 1, 1:m) + through_v(1:n, 1:m) - through_v(1:n, 0:m - 1)) / g%dx
         call book(o%h(1:n, 1:m) + o%h(2:, 1:m), du(1:n, 1:m), momentum)
         call book(o%h(1:n, 1:m) + o%h(1:n, 2:), dv(1:n, 1:m), momentum)
      end associate
   end subroutine apply_closure

   subroutine book(h, du, momentum)
      real(real64), intent(in) :: h(:, :), du(:, :)
      real(real64), intent(inout) :: momentum
      real(real64) :: moved(2)
      moved = total([sum(h * du), sum(abs(h * du))])
      momentum = max(momentum, abs(moved(1)) / max(moved(2), tiny(1.0_real64)))
   end subroutine book

   !> What a coarse ocean makes of a day that begins like that of a fine one. On one rank.
   subroutine coarse_day(fine_grid, fine, coarse_grid, before, after)
      type(grid), intent(in) :: fine_grid, coarse_grid
      type(ocean), intent(in) :: fine
      real(real64), intent(out) :: before(:, :, :), after(:, :, :)   !< h, u and v on the coarse grid
      type(ocean) :: there
      real(real64), allocatable :: nothing(:, :)
      integer :: beat
      call on_coarse_grid(fine_grid, fine, before)
      call start_at_rest(there, coarse_grid)
      there%wind = fine%wind
      there%drag = fine%drag
      there%viscosity = fine%viscosity
      associate (m => coarse_grid%n)
         there%h(1:m, 1:m) = before(:, :, 1)
         there%u(1:m, 1:m) = before(:, :, 2)
         there%v(1:m, 1:m) = before(:, :, 3)
      end associate
      allocate (nothing, mold=there%h)
      nothing = 0
      do beat = 1, nint(86400 / there%dt)
         call step(there, coarse_grid, nothing, nothing, nothing)
      end do
      call on_coarse_grid(coarse_grid, there, after)
   end subroutine coarse_day

   !> h, u and v of the whole basin on a coarse grid, on rank 0.
   subroutine on_coarse_grid(g, o, fields)
      type(grid), intent(in) :: g
      type(ocean), intent(in) :: o
      real(real64), intent(out) :: fields(:, :, :)
      real(real64) :: whole(0:g%n + 1, 0:g%n + 1)
      call gather(g, o%h, whole)
      call coarsen(whole, fields(:, :, 1), 'cell')
      call gather(g, o%u, whole)
      call coarsen(whole, fields(:, :, 2), 'u')
      call gather(g, o%v, whole)
      call coarsen(whole, fields(:, :, 3), 'v')
   end subroutine on_coarse_grid

end module closure
