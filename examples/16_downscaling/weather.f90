!> Weather that comes from nowhere: wind, vapour and rain of a front, which change from day to day, and showers.
!>
!> Showers are a factor: the exponential of a Gaussian field with a power law for its spectrum, carried by the wind and ever
!> changing, small ones faster (the string of beads model, Pegram and Clothier 2001).
module weather
   use, intrinsic :: iso_fortran_env, only: real64
   use draws, only: draw_normal
   use waves, only: gaussian_shape, n, side, to_space, to_waves, wavenumber
   implicit none (type, external)
   private
   public :: sky, begin_weather, next_hour, showers

   real(real64), parameter :: hour = 3600
   real(real64), parameter :: memory = 24 * hour            !< of the large scale, s
   real(real64), parameter :: memory_of_showers = 3 * hour  !< of those as large as the square
   real(real64), parameter :: slope = 3                     !< energy of the field per area of (k, l) is |k|**(-slope)

   type :: sky
      real(real64) :: large(4) = 0                          !< two of wind, vapour, rain of the front: standard normal
      complex(real64) :: field(n, n) = 0                    !< waves of the Gaussian field
      real(real64) :: state = 1                             !< of the random numbers
   end type sky

contains

   subroutine begin_weather(self, seed)
      type(sky), intent(out) :: self
      integer, intent(in) :: seed
      real(real64) :: white(n, n)
      self%state = seed
      call draw_normal(self%state, white)                   ! the first numbers of neighbouring seeds are alike
      call draw_normal(self%state, white)
      self%field = gaussian_shape(slope) * to_waves(white)
      call draw_normal(self%state, white(:, 1))
      self%large = white(:4, 1)
   end subroutine begin_weather

   subroutine next_hour(self, wind)
      type(sky), intent(inout) :: self
      real(real64), intent(in) :: wind(2)
      real(real64) :: white(n, n), new(4), keeps
      complex(real64) :: fresh(n, n)
      integer :: a, b
      call draw_normal(self%state, new)
      keeps = exp(-hour / memory)
      self%large = keeps * self%large + sqrt(1 - keeps**2) * new
      call draw_normal(self%state, white)
      fresh = gaussian_shape(slope) * to_waves(white)
      do b = 1, n
         do a = 1, n
            associate (k => hypot(wavenumber(a), wavenumber(b)) / wavenumber(2), &
                       angle => hour * (wavenumber(a) * wind(1) + wavenumber(b) * wind(2)))
               keeps = exp(-hour / memory_of_showers * k**(2 / 3.0_real64))
               self%field(a, b) = keeps * self%field(a, b) * cmplx(cos(angle), -sin(angle), real64) + &
                                  sqrt(1 - keeps**2) * fresh(a, b)
            end associate
         end do
      end do
   end subroutine next_hour

   !> The factor, 1 on average. Its logarithm has the deviation that is given.
   function showers(self, deviation) result(factor)
      type(sky), intent(in) :: self
      real(real64), intent(in) :: deviation
      real(real64) :: factor(n, n)
      factor = exp(deviation * to_space(self%field) - deviation**2 / 2)
   end function showers

end module weather
