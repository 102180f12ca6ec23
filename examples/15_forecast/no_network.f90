!> Stands for the generated module in a program that is built without a network.
module forecast_network
   use, intrinsic :: iso_fortran_env, only: error_unit, real64
   implicit none (type, external)
   private
   public :: init, run, finalize

contains

   subroutine init(file)
      character(len=*), intent(in) :: file
      write (error_unit, '(3a)') 'forecast: built without a network, this program cannot use ', trim(file), '; run the other one'
      stop 1, quiet=.true.
   end subroutine init

   subroutine run(anomaly, month, keep, state, anomaly_next, state_next)
      real(real64), intent(in) :: anomaly(:, :), month(:), keep(:, :), state(:, :)
      real(real64), intent(inout) :: anomaly_next(:, :), state_next(:, :)
      call init('a network')
      anomaly_next = anomaly + month(1)
      state_next = state + keep
   end subroutine run

   subroutine finalize()
   end subroutine finalize

end module forecast_network
