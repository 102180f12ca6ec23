!> Stands for the generated module in a program that is built without a network.
module closure_network
   use, intrinsic :: iso_fortran_env, only: error_unit, real64
   implicit none (type, external)
   private
   public :: init, run, finalize, guard_report

contains

   subroutine init(file)
      character(len=*), intent(in) :: file
      write (error_unit, '(3a)') 'ocean: this program is built without a network and cannot use ', trim(file), '; run the other one'
      stop 1, quiet=.true.
   end subroutine init

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

   subroutine guard_report(unit)
      integer, intent(in) :: unit
      write (unit, '(a)') 'no network, no guard'
   end subroutine guard_report

   subroutine finalize()
   end subroutine finalize

end module closure_network
