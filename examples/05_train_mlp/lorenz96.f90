!> Lorenz's model of 1996 with two scales: eight slow variables on a circle, each coupled to 32 fast ones. The fast ones play the
!> role of what a climate model cannot resolve; all the slow ones see of them is the tendency that a network shall learn.
module lorenz96
   use, intrinsic :: iso_fortran_env, only: real64
   implicit none (type, external)
   private

   public :: n_slow, n_fast, start, advance, unresolved

   integer, parameter :: n_slow = 8, n_fast = 32
   real(real64), parameter :: forcing = 20, coupling = 1, time_ratio = 10, amplitude_ratio = 10
   real(real64), parameter :: dt = 0.005_real64

contains

   !> Some state away from rest.
   subroutine start(slow, fast)
      real(real64), intent(out) :: slow(n_slow), fast(n_fast * n_slow)
      integer :: i
      slow = [(8 * sin(real(i, real64)), i=1, n_slow)]
      fast = [(0.5_real64 * cos(real(7 * i, real64)), i=1, size(fast))]
   end subroutine start

   !> One time step, by the classical method of Runge and Kutta.
   subroutine advance(slow, fast)
      real(real64), intent(inout) :: slow(n_slow), fast(n_fast * n_slow)
      real(real64), dimension(n_slow) :: s1, s2, s3, s4
      real(real64), dimension(n_fast * n_slow) :: f1, f2, f3, f4
      call tendencies(slow, fast, s1, f1)
      call tendencies(slow + dt / 2 * s1, fast + dt / 2 * f1, s2, f2)
      call tendencies(slow + dt / 2 * s2, fast + dt / 2 * f2, s3, f3)
      call tendencies(slow + dt * s3, fast + dt * f3, s4, f4)
      slow = slow + dt / 6 * (s1 + 2 * s2 + 2 * s3 + s4)
      fast = fast + dt / 6 * (f1 + 2 * f2 + 2 * f3 + f4)
   end subroutine advance

   !> What the fast variables do to each slow one, per unit of time.
   pure function unresolved(fast) result(tendency)
      real(real64), intent(in) :: fast(n_fast * n_slow)
      real(real64) :: tendency(n_slow)
      tendency = -coupling * time_ratio / amplitude_ratio * sum(reshape(fast, [n_fast, n_slow]), dim=1)
   end function unresolved

   pure subroutine tendencies(slow, fast, d_slow, d_fast)
      real(real64), intent(in) :: slow(n_slow), fast(n_fast * n_slow)
      real(real64), intent(out) :: d_slow(n_slow), d_fast(n_fast * n_slow)
      d_slow = cshift(slow, -1) * (cshift(slow, 1) - cshift(slow, -2)) - slow + forcing + unresolved(fast)
      d_fast = time_ratio * (amplitude_ratio * cshift(fast, 1) * (cshift(fast, -1) - cshift(fast, 2)) - fast) &
               + coupling * time_ratio / amplitude_ratio * reshape(spread(slow, 1, n_fast), [n_fast * n_slow])
   end subroutine tendencies

end module lorenz96
