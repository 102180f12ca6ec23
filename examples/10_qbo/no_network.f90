!> Stands for the generated module in a program that is built without a network.
module drag_network
   use, intrinsic :: iso_fortran_env, only: error_unit, real64
   implicit none (type, external)
   private
   public :: init, run, finalize, guard_report

contains

   subroutine init(file)
      character(len=*), intent(in) :: file
      write (error_unit, '(3a)') 'qbo: this program is built without a network and cannot use ', trim(file), '; run the other one'
      stop 1, quiet=.true.
   end subroutine init

   subroutine run(wind, flux, drag)
      real(real64), intent(in) :: wind(:), flux(:)
      real(real64), intent(inout) :: drag(:)
      call init('a network')
      drag = wind(1) + flux(1)
   end subroutine run

   subroutine guard_report(unit)
      integer, intent(in) :: unit
      write (unit, '(a)') 'no network, no guard'
   end subroutine guard_report

   subroutine finalize()
   end subroutine finalize

end module drag_network
