!> Mountains, and the rain that they make: the linear theory of orographic precipitation of Smith and Barstad (2004).
module mountains
   use, intrinsic :: iso_fortran_env, only: real64
   use draws, only: draw_normal
   use waves, only: gaussian_shape, n, to_space, to_waves, wavenumber
   implicit none (type, external)
   private
   public :: moist_air, random_mountains, sine_mountains, orographic_rain

   type :: moist_air
      real(real64) :: wind(2) = 0                  !< m s-1
      real(real64) :: vapour = 0.006_real64        !< kg m-3, at the ground
      real(real64) :: lapse = 1.12_real64          !< moist adiabatic lapse rate over that of the air
      real(real64) :: stability = 0.005_real64     !< moist buoyancy frequency, s-1
      real(real64) :: depth = 2500                 !< scale height of the vapour, m
      real(real64) :: conversion = 1000, fallout = 1000   !< s: cloud to rain, rain to the ground
   end type moist_air

contains

   !> Heights with the spectrum of the Earth's, and a sea where they would be low.
   subroutine random_mountains(seed, scale, height)
      integer, intent(in) :: seed
      real(real64), intent(in) :: scale            !< m
      real(real64), intent(out) :: height(n, n)
      real(real64) :: state
      state = seed
      call draw_normal(state, height)
      height = scale * max(to_space(gaussian_shape(3.0_real64) * to_waves(height)) + 0.5_real64, 0.0_real64)
   end subroutine random_mountains

   !> Ridges, as many as said in x and in y.
   pure subroutine sine_mountains(ridges, scale, height)
      integer, intent(in) :: ridges(2)
      real(real64), intent(in) :: scale
      real(real64), intent(out) :: height(n, n)
      integer :: i, j
      do j = 1, n
         do i = 1, n
            height(i, j) = scale * cos(2 * acos(-1.0_real64) * (ridges(1) * (i - 1) + ridges(2) * (j - 1)) / n)
         end do
      end do
   end subroutine sine_mountains

   !> Rain (mm h-1) by air that rises and sinks over mountains: what it takes from, where negative, and adds to other rain.
   pure function orographic_rain(air, height) result(rain)
      type(moist_air), intent(in) :: air
      real(real64), intent(in) :: height(n, n)
      real(real64) :: rain(n, n)
      complex(real64), parameter :: i = (0, 1)
      complex(real64) :: wave(n, n), m
      real(real64) :: sigma
      integer :: a, b
      wave = to_waves(height)
      do b = 1, n
         do a = 1, n
            sigma = air%wind(1) * wavenumber(a) + air%wind(2) * wavenumber(b)
            m = vertical_wavenumber(sigma, hypot(wavenumber(a), wavenumber(b)))
            wave(a, b) = wave(a, b) * air%vapour * air%lapse * i * sigma &
               / ((1 - i * m * air%depth) * (1 + i * sigma * air%conversion) * (1 + i * sigma * air%fallout))
         end do
      end do
      rain = 3600 * to_space(wave)

   contains

      !> Waves go up against the wind, or fade with height where they are too short for the stability.
      pure complex(real64) function vertical_wavenumber(sigma, k)
         real(real64), intent(in) :: sigma, k
         vertical_wavenumber = 0
         if (abs(sigma) <= tiny(sigma)) return
         associate (square => (air%stability**2 - sigma**2) / sigma**2)
            if (square > 0) then
               vertical_wavenumber = sign(sqrt(square), sigma) * k
            else
               vertical_wavenumber = i * sqrt(-square) * k
            end if
         end associate
      end function vertical_wavenumber

   end function orographic_rain

end module mountains
