!> Monthly indices of the tropical oceans: how much warmer than usual five stretches of the equator are.
module indices
   use, intrinsic :: iso_fortran_env, only: real64
   use sst_io, only: observations, read_observations, calendar_month
   implicit none (type, external)
   private
   public :: read_anomalies

   integer, parameter, public :: n_indices = 5
   !> Niño 3, Niño 4, Atlantic, western and eastern Indian Ocean: degrees east, all within 5 degrees of the equator.
   real(real64), parameter :: west(n_indices) = [210, 160, 340, 50, 90], east(n_indices) = [270, 210, 360, 70, 110]

contains

   !> What is usual is the mean of each calendar month over the months that are not held out.
   subroutine read_anomalies(path, first_held_out, last_held_out, anomaly, month)
      character(len=*), intent(in) :: path
      integer, intent(in) :: first_held_out, last_held_out
      real(real64), allocatable, intent(out) :: anomaly(:, :)   !< K, (index, time)
      integer, allocatable, intent(out) :: month(:)             !< calendar month, 1 is January
      type(observations) :: obs
      logical, allocatable :: box(:, :), usual(:)
      integer :: i, m, t
      call read_observations(path, obs)
      month = calendar_month(obs%time)
      allocate (anomaly(n_indices, size(month)))
      do i = 1, n_indices
         box = obs%mask > 0.5_real64 .and. spread(modulo(obs%lon, 360.0_real64) >= west(i) .and. &
               modulo(obs%lon, 360.0_real64) < east(i), 2, size(obs%lat))
         do t = 1, size(month)
            anomaly(i, t) = sum(obs%sst(:, :, t), mask=box) / count(box)
         end do
      end do
      do m = 1, 12
         usual = month == m .and. [(t < first_held_out .or. t > last_held_out, t=1, size(month))]
         do i = 1, n_indices
            where (month == m) anomaly(i, :) = anomaly(i, :) - sum(anomaly(i, :), mask=usual) / count(usual)
         end do
      end do
   end subroutine read_anomalies

end module indices
