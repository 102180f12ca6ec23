!> Forecasts that need no network: what a linear inverse model says (Penland and Sardeshmukh 1995), and how anomalies fade.
module linear
   use, intrinsic :: iso_fortran_env, only: real64
   implicit none (type, external)
   private
   public :: fit_linear, fit_fading

contains

   !> The matrix that best turns each month into the next: covariance with the next month, times the inverse of that within a month.
   pure function fit_linear(now, next) result(step)
      real(real64), intent(in) :: now(:, :), next(:, :)   !< (index, sample)
      real(real64) :: step(size(now, 1), size(now, 1))
      step = transpose(solve(matmul(now, transpose(now)), matmul(now, transpose(next))))
   end function fit_linear

   !> The factor by which each index fades in a month.
   pure function fit_fading(now, next) result(factor)
      real(real64), intent(in) :: now(:, :), next(:, :)
      real(real64) :: factor(size(now, 1))
      factor = sum(now * next, dim=2) / sum(now**2, dim=2)
   end function fit_fading

   !> Solves a x = b: Gauss's elimination. The matrix is a covariance, so no rows have to be exchanged.
   pure function solve(matrix, right) result(x)
      real(real64), intent(in) :: matrix(:, :), right(:, :)
      real(real64) :: x(size(matrix, 1), size(right, 2)), a(size(matrix, 1), size(matrix, 1)), factor
      integer :: i, k
      a = matrix
      x = right
      do k = 1, size(a, 1)
         do i = k + 1, size(a, 1)
            factor = a(i, k) / a(k, k)
            a(i, :) = a(i, :) - factor * a(k, :)
            x(i, :) = x(i, :) - factor * x(k, :)
         end do
      end do
      do k = size(a, 1), 1, -1
         do i = k + 1, size(a, 1)
            x(k, :) = x(k, :) - a(k, i) * x(i, :)
         end do
         x(k, :) = x(k, :) / a(k, k)
      end do
   end function solve

end module linear
