!> Stands for the generated module in a program that is built without a network.
module rain_network
   use, intrinsic :: iso_fortran_env, only: error_unit, real64
   implicit none (type, external)
   private
   public :: init, run, finalize, guard_report

contains

   subroutine init(file)
      character(len=*), intent(in) :: file
      write (error_unit, '(3a)') 'rain: this program is built without a network and cannot use ', trim(file), '; run the other one'
      stop 1, quiet=.true.
   end subroutine init

   subroutine run(temperature, pressure, vapour, cloud, rain, temperature_next, vapour_next, cloud_next, rain_next)
      real(real64), intent(in) :: temperature(:), pressure(:), vapour(:), cloud(:), rain(:)
      real(real64), intent(inout) :: temperature_next(:), vapour_next(:), cloud_next(:), rain_next(:)
      call init('a network')
      temperature_next = temperature + pressure
      vapour_next = vapour
      cloud_next = cloud
      rain_next = rain
   end subroutine run

   subroutine guard_report(unit)
      integer, intent(in) :: unit
      write (unit, '(a)') 'no network, no guard'
   end subroutine guard_report

   subroutine finalize()
   end subroutine finalize

end module rain_network
