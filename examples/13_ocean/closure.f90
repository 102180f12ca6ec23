!> What the eddies that a grid cannot see do to the flow that it can: stress and flux of a closure made into changes of velocity
!> and thickness, with the books of the momentum that is moved; and the day of a coarse ocean that samples are made of.
module closure
   use, intrinsic :: iso_fortran_env, only: real64
   use basin, only: coarsen, grid
   use shallow_water, only: ocean, start_at_rest, step
   use stress, only: force, to_corners
   implicit none (type, external)
   private
   public :: apply_closure, coarse_day, on_coarse_grid

contains

   !> What stress (m2 s-2) and flux of thickness (m2 s-1) of a closure, in the middle of cells, do to u, v and h. `momentum` is the
   !> largest share of all the momentum moved in one call, so far, that was not taken from somewhere.
   subroutine apply_closure(g, o, xx, xy, yy, east, north, du, dv, dh, momentum)
      type(grid), intent(in) :: g
      type(ocean), intent(in) :: o
      real(real64), intent(in) :: xx(0:, 0:), xy(0:, 0:), yy(0:, 0:), east(0:, 0:), north(0:, 0:)
      real(real64), intent(out) :: du(0:, 0:), dv(0:, 0:), dh(0:, 0:)
      real(real64), intent(inout) :: momentum
      real(real64), dimension(0:g%n + 1, 0:g%n + 1) :: h_corner, xy_corner, through_u, through_v
      call to_corners(g, o%h, h_corner)
      call to_corners(g, xy * g%wet, xy_corner)
      du = 0
      dv = 0
      dh = 0
      ! No stress on coasts: what is left only moves momentum.
      call force(g, o%h, h_corner, xx * g%open_x, xy_corner * g%corner, yy * g%open_y, du, dv)
      associate (n => g%n)
         through_u(0:n, :) = g%face_u(0:n, :) * (east(0:n, :) + east(1:, :)) / 2
         through_v(:, 0:n) = g%face_v(:, 0:n) * (north(:, 0:n) + north(:, 1:)) / 2
         dh(1:n, 1:n) = -(through_u(1:n, 1:n) - through_u(0:n - 1, 1:n) + through_v(1:n, 1:n) - through_v(1:n, 0:n - 1)) / g%dx
         call book(o%h(0:n, 0:n) + o%h(1:, 0:n), du(0:n, 0:n), momentum)
         call book(o%h(0:n, 0:n) + o%h(0:n, 1:), dv(0:n, 0:n), momentum)
      end associate
   end subroutine apply_closure

   pure subroutine book(h, du, momentum)
      real(real64), intent(in) :: h(:, :), du(:, :)
      real(real64), intent(inout) :: momentum
      momentum = max(momentum, abs(sum(h * du)) / max(sum(abs(h * du)), tiny(1.0_real64)))
   end subroutine book

   !> What a coarse ocean makes of a day that begins like that of a fine one.
   subroutine coarse_day(fine, coarse_grid, before, after)
      type(ocean), intent(in) :: fine
      type(grid), intent(in) :: coarse_grid
      real(real64), intent(out) :: before(:, :, :), after(:, :, :)   !< h, u and v on the coarse grid
      type(ocean) :: there
      real(real64), allocatable :: nothing(:, :)
      integer :: beat
      call on_coarse_grid(fine, before)
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
      call on_coarse_grid(there, after)
   end subroutine coarse_day

   !> h, u and v on a coarse grid.
   subroutine on_coarse_grid(o, fields)
      type(ocean), intent(in) :: o
      real(real64), intent(out) :: fields(:, :, :)
      call coarsen(o%h, fields(:, :, 1), 'cell')
      call coarsen(o%u, fields(:, :, 2), 'u')
      call coarsen(o%v, fields(:, :, 3), 'v')
   end subroutine on_coarse_grid

end module closure
