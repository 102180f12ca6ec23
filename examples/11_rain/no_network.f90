!> Stands for the generated module in a program that is built without a network.
module rain_network
   use, intrinsic :: iso_fortran_env, only: real64
   use without_network, only: finalize, guard_report, init
   implicit none (type, external)
   private
   public :: init, run, finalize, guard_report

contains

   subroutine run(temperature, pressure, vapour, cloud, rain, temperature_next, vapour_next, cloud_next, rain_next)
      real(real64), intent(in) :: temperature(:), pressure(:), vapour(:), cloud(:), rain(:)
      real(real64), intent(inout) :: temperature_next(:), vapour_next(:), cloud_next(:), rain_next(:)
      call init('a network')
      temperature_next = temperature + pressure
      vapour_next = vapour
      cloud_next = cloud
      rain_next = rain
   end subroutine run

end module rain_network
