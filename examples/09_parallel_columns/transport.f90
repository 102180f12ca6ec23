module transport
   ! Winds carry a field over the periodic globe: upstream differences of first order, alike on any number of ranks.
   use, intrinsic :: iso_fortran_env, only: real64
   use grid, only: block, fill_halo
   implicit none (type, external)
   private
   public :: carry

contains

   subroutine carry(b, f, before, dt)
      type(block), intent(in) :: b
      real(real64), intent(inout) :: f(:, 0:, 0:), before(:, 0:, 0:)
      real(real64), intent(in) :: dt   ! in grid lengths of the fastest wind
      real(real64) :: u, v
      integer :: i, j, k
      call fill_halo(b, f)
      before = f
      do j = 1, b%my
         do i = 1, b%mx
            do k = 1, b%nz
               u = dt * k / b%nz            ! from the west, stronger above
               v = -0.3_real64 * dt         ! from the north
               f(k, i, j) = before(k, i, j) - u * (before(k, i, j) - before(k, i - 1, j)) &
                  - v * (before(k, i, j + 1) - before(k, i, j))
            end do
         end do
      end do
   end subroutine carry

end module transport
