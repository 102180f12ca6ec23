!> What stands for a network in a program that is built without one: each no_network.f90 adds the `run` of its generated module.
module without_network
   use, intrinsic :: iso_fortran_env, only: error_unit
   implicit none (type, external)
   private
   public :: init, finalize, guard_report

contains

   subroutine init(file)
      character(len=*), intent(in) :: file
      write (error_unit, '(3a)') 'host: this program is built without a network and cannot use ', trim(file), '; run the other one'
      stop 1, quiet=.true.
   end subroutine init

   subroutine guard_report(unit)
      integer, intent(in) :: unit
      write (unit, '(a)') 'no network, no guard'
   end subroutine guard_report

   subroutine finalize()
   end subroutine finalize

end module without_network
