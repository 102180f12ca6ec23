!> Stands for the generated module in a program that is built without a network.
module downscaling_network
   use, intrinsic :: iso_fortran_env, only: real64
   use without_network, only: finalize, guard_report, init
   implicit none (type, external)
   private
   public :: init, run, finalize, guard_report

contains

   subroutine run(coarse, wind, height, noise, fine)
      real(real64), intent(in) :: coarse(:, :, :), wind(:, :), height(:, :), noise(:, :, :, :)
      real(real64), intent(inout) :: fine(:, :, :)
      call init('a network')
      fine = sum(coarse) + sum(wind) + sum(height) + sum(noise)
   end subroutine run

end module downscaling_network
