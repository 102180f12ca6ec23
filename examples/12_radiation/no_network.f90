!> Stands for the generated module in a program that is built without a network.
module radiation_network
   use, intrinsic :: iso_fortran_env, only: real64
   use without_network, only: finalize, guard_report, init
   implicit none (type, external)
   private
   public :: init, run, finalize, guard_report

contains

   subroutine run(t, vapour, ozone, cloud, pressure, thickness, ground, albedo, height_of_sun, sun, co2, &
                  long_down, long_up, direct, short_down, short_up)
      real(real64), dimension(:, :), intent(in) :: t, vapour, ozone, cloud, pressure, thickness
      real(real64), dimension(:), intent(in) :: ground, albedo, height_of_sun, sun, co2
      real(real64), dimension(:, :), intent(inout) :: long_down, long_up, direct, short_down, short_up
      call init('a network')
      long_down(1, :) = sum(t + vapour + ozone + cloud + pressure + thickness, dim=1)
      long_up(1, :) = ground + albedo + height_of_sun + sun + co2
      direct = short_down + short_up
   end subroutine run

end module radiation_network
