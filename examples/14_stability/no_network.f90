!> Stands for the generated module in a program that is built without a network.
module damping_network
   use, intrinsic :: iso_fortran_env, only: real64
   use without_network, only: finalize, init
   implicit none (type, external)
   private
   public :: init, run, finalize

contains

   subroutine run(u, damping)
      real(real64), intent(in) :: u(:, :)
      real(real64), intent(inout) :: damping(:, :)
      call init('a network')
      damping = u
   end subroutine run

end module damping_network
