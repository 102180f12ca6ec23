!> Stands for the generated module in a program that is built without a network.
module closure_network
   use, intrinsic :: iso_fortran_env, only: real64
   use without_network, only: finalize, guard_report, init
   implicit none (type, external)
   private
   public :: init, run, finalize, guard_report

contains

   subroutine run(u, v, h, wet, xx, xy, yy, east, north)
      real(real64), intent(in) :: u(:, :), v(:, :), h(:, :), wet(:, :)
      real(real64), intent(inout) :: xx(:, :), xy(:, :), yy(:, :), east(:, :), north(:, :)
      call init('a network')
      xx = u * wet
      xy = v * wet * h
      yy = 0
      east = 0
      north = 0
   end subroutine run

end module closure_network
