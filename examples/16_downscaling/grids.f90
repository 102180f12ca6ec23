!> Fine fields to coarse cells and back.
module grids
   use, intrinsic :: iso_fortran_env, only: real64
   use waves, only: n
   implicit none (type, external)
   private
   public :: ratio, coarse, on_coarse, bilinear

   integer, parameter :: ratio = 8, coarse = n / ratio

contains

   !> The mean of each coarse cell.
   pure function on_coarse(fine) result(mean)
      real(real64), intent(in) :: fine(n, n)
      real(real64) :: mean(coarse, coarse)
      integer :: i, j
      do j = 1, coarse
         do i = 1, coarse
            mean(i, j) = sum(fine(ratio * (i - 1) + 1:ratio * i, ratio * (j - 1) + 1:ratio * j)) / ratio**2
         end do
      end do
   end function on_coarse

   !> Between the four nearest middles of coarse cells.
   pure function bilinear(mean) result(fine)
      real(real64), intent(in) :: mean(coarse, coarse)
      real(real64) :: fine(n, n)
      integer :: i, j, left(n), right(n)
      real(real64) :: share(n)
      do i = 1, n
         associate (place => (i - 0.5_real64) / ratio + 0.5_real64)
            left(i) = modulo(floor(place) - 1, coarse) + 1
            right(i) = modulo(floor(place), coarse) + 1
            share(i) = place - floor(place)
         end associate
      end do
      do j = 1, n
         do i = 1, n
            fine(i, j) = (1 - share(j)) * ((1 - share(i)) * mean(left(i), left(j)) + share(i) * mean(right(i), left(j))) + &
               share(j) * ((1 - share(i)) * mean(left(i), right(j)) + share(i) * mean(right(i), right(j)))
         end do
      end do
   end function bilinear

end module grids
