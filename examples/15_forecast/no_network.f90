!> Stands for the generated module in a program that is built without a network.
module forecast_network
   use, intrinsic :: iso_fortran_env, only: real64
   use without_network, only: finalize, init
   implicit none (type, external)
   private
   public :: init, run, finalize

contains

   subroutine run(anomaly, month, keep, state, anomaly_next, state_next)
      real(real64), intent(in) :: anomaly(:, :), month(:), keep(:, :), state(:, :)
      real(real64), intent(inout) :: anomaly_next(:, :), state_next(:, :)
      call init('a network')
      anomaly_next = anomaly + month(1)
      state_next = state + keep
   end subroutine run

end module forecast_network
