!> Fields on a square that goes on at the other side, and the waves that they are made of.
!>
!> 64 points are so few that two matrix products transform a field; a fast Fourier transform would not be noticed.
module waves
   use, intrinsic :: iso_fortran_env, only: real64
   implicit none (type, external)
   private
   public :: n, cell, side, wavenumber, to_waves, to_space, gaussian_shape

   integer, parameter :: n = 64
   real(real64), parameter :: cell = 4000, side = n * cell   !< m
   real(real64), parameter :: turn = 2 * acos(-1.0_real64)
   integer :: each

   !> In m-1, of each index of a transformed field, in either direction.
   real(real64), parameter :: wavenumber(n) = [(turn / side * (modulo(each + n / 2 - 1, n) - n / 2), each=1, n)]

contains

   !> exp(-i k x) for all k and x.
   pure function kernel() result(f)
      complex(real64) :: f(n, n)
      integer :: j, k
      do k = 1, n
         do j = 1, n
            associate (angle => turn / n * modulo((j - 1) * (k - 1), n))
               f(j, k) = cmplx(cos(angle), -sin(angle), real64)
            end associate
         end do
      end do
   end function kernel

   !> field = sum of wave(k, l) exp(i (k x + l y)).
   pure function to_waves(field) result(wave)
      real(real64), intent(in) :: field(n, n)
      complex(real64) :: wave(n, n), f(n, n)
      f = kernel()
      wave = matmul(matmul(f, field), f) / n**2
   end function to_waves

   pure function to_space(wave) result(field)
      complex(real64), intent(in) :: wave(n, n)
      real(real64) :: field(n, n)
      complex(real64) :: f(n, n)
      f = conjg(kernel())
      field = real(matmul(matmul(f, wave), f), real64)
   end function to_space

   !> What makes of white noise a random field of variance 1 whose energy per area of (k, l) goes with |k|**(-slope).
   !>
   !> Without a mean, and without the shortest waves, which would not know where they go.
   pure function gaussian_shape(slope) result(shape_of)
      real(real64), intent(in) :: slope
      real(real64) :: shape_of(n, n)
      integer :: i, j
      shape_of = 0
      do j = 1, n
         do i = 1, n
            if ((i == 1 .and. j == 1) .or. i == n / 2 + 1 .or. j == n / 2 + 1) cycle
            shape_of(i, j) = hypot(wavenumber(i), wavenumber(j))**(-slope / 2)
         end do
      end do
      shape_of = shape_of * n / sqrt(sum(shape_of**2))
   end function gaussian_shape

end module waves
