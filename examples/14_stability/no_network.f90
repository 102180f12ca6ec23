!> Stands for the generated module in a program that is built without a network.
module damping_network
   use, intrinsic :: iso_fortran_env, only: error_unit, real64
   implicit none (type, external)
   private
   public :: init, run, finalize

contains

   subroutine init(file)
      character(len=*), intent(in) :: file
      write (error_unit, '(3a)') 'stability: built without a network, this program cannot use ', trim(file), '; run the other one'
      stop 1, quiet=.true.
   end subroutine init

   subroutine run(u, damping)
      real(real64), intent(in) :: u(:, :)
      real(real64), intent(inout) :: damping(:, :)
      call init('a network')
      damping = u
   end subroutine run

   subroutine finalize()
   end subroutine finalize

end module damping_network
