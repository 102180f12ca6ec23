!> How strongly gases and clouds take radiation out of its way: a spectrum of 13 bands, made for this example.
!>
!> Within a band absorption is sorted by its strength and cut into eight grey parts, from wings of lines to their centres: a
!> correlated-k distribution, with a log-normal one in place of a measured one (Goody 1952). Masses are kg m-2.
module spectrum
   use, intrinsic :: iso_fortran_env, only: real64
   implicit none (type, external)
   private
   public :: prepare, black_body, longwave_depth, shortwave_depth, planck_share

   integer, parameter, public :: parts = 8, long_bands = 8, short_bands = 5
   real(real64), parameter, public :: stefan = 5.670374e-8_real64      !< W m-2 K-4
   real(real64), parameter, public :: asymmetry = 0.85_real64          !< of the scattering by cloud drops

   !> How much of a band each part has, and how many standard deviations of log k it is away from the middle.
   real(real64), parameter, public :: share(parts) = [0.25_real64, 0.25_real64, 0.2_real64, 0.15_real64, 0.08_real64, &
                                                      0.04_real64, 0.02_real64, 0.01_real64]
   real(real64), parameter :: away(parts) = [-1.150_real64, -0.319_real64, 0.253_real64, 0.755_real64, 1.227_real64, &
                                             1.645_real64, 2.054_real64, 2.576_real64]
   !> Wings are as broad as the air is dense; centres are not.
   real(real64), parameter :: broadening(parts) = [1.0_real64, 1.0_real64, 0.9_real64, 0.8_real64, 0.6_real64, 0.4_real64, &
                                                   0.2_real64, 0.0_real64]

   !> Longwave bands: edges in cm-1; k in the middle and the deviation of log k, of vapour, carbon dioxide and ozone.
   real(real64), parameter :: edge(0:long_bands) = [0.0_real64, 350.0_real64, 560.0_real64, 760.0_real64, 980.0_real64, &
                                                    1080.0_real64, 1250.0_real64, 1900.0_real64, 3000.0_real64]
   real(real64), parameter :: long_k(3, long_bands) = reshape([ &
      8.0_real64, 0.0_real64, 0.0_real64,        0.5_real64, 0.0_real64, 0.0_real64, &
      0.2_real64, 0.5_real64, 0.0_real64,        0.01_real64, 0.0_real64, 0.0_real64, &
      0.006_real64, 0.0_real64, 60.0_real64,     0.04_real64, 0.0_real64, 0.0_real64, &
      2.0_real64, 0.0_real64, 0.0_real64,        0.05_real64, 0.05_real64, 0.0_real64], [3, long_bands])
   real(real64), parameter :: long_spread(3, long_bands) = reshape([ &
      2.0_real64, 1.0_real64, 1.0_real64,        2.0_real64, 1.0_real64, 1.0_real64, &
      2.0_real64, 3.2_real64, 1.0_real64,        1.5_real64, 1.0_real64, 1.0_real64, &
      1.5_real64, 1.0_real64, 1.5_real64,        1.8_real64, 1.0_real64, 1.0_real64, &
      2.2_real64, 1.0_real64, 1.0_real64,        2.5_real64, 3.0_real64, 1.0_real64], [3, long_bands])
   !> Of vapour by itself, m2 kg-1 for a vapour pressure of 1000 Pa: the continuum.
   real(real64), parameter :: continuum(long_bands) = [0.0_real64, 0.07_real64, 0.02_real64, 0.006_real64, 0.005_real64, &
                                                       0.005_real64, 0.0_real64, 0.0_real64]
   real(real64), parameter :: cloud_k = 80     !< m2 kg-1 of cloud water

   !> Shortwave bands (to 0.32, 0.7, 1.3, 2.2 and 4 micrometres): share of sunlight; as above of vapour, carbon dioxide, ozone;
   !> Rayleigh's depth of the whole air; what a cloud drop absorbs of what it meets.
   real(real64), parameter, public :: sunlight(short_bands) = [0.02_real64, 0.46_real64, 0.34_real64, 0.13_real64, 0.05_real64]
   real(real64), parameter :: short_k(3, short_bands) = reshape([ &
      0.0_real64, 0.0_real64, 500.0_real64,      0.0_real64, 0.0_real64, 4.0_real64, &
      0.003_real64, 0.0_real64, 0.0_real64,      0.06_real64, 0.002_real64, 0.0_real64, &
      0.5_real64, 0.05_real64, 0.0_real64], [3, short_bands])
   real(real64), parameter :: short_spread(3, short_bands) = reshape([ &
      1.0_real64, 1.0_real64, 1.5_real64,        1.0_real64, 1.0_real64, 0.5_real64, &
      2.2_real64, 1.0_real64, 1.0_real64,        2.2_real64, 2.5_real64, 1.0_real64, &
      2.0_real64, 2.5_real64, 1.0_real64], [3, short_bands])
   real(real64), parameter :: rayleigh(short_bands) = [1.0_real64, 0.14_real64, 0.02_real64, 0.003_real64, 0.0_real64]
   real(real64), parameter :: cloud_absorbs(short_bands) = [0.0_real64, 1e-6_real64, 5e-4_real64, 1e-2_real64, 0.1_real64]
   real(real64), parameter :: drops = 150      !< m2 kg-1: extinction by drops of 10 micrometres

   integer, parameter :: coldest = 120, warmest = 400                  ! K
   real(real64) :: planck_share(long_bands, coldest:warmest)           !< of the emission of a black body
   real(real64) :: long_of(parts, 3, long_bands), short_of(parts, 3, short_bands)

contains

   !> Fills the tables. Call it once.
   subroutine prepare()
      integer :: band, gas, t
      do band = 1, long_bands
         do gas = 1, 3
            long_of(:, gas, band) = long_k(gas, band) * exp(away * long_spread(gas, band))
         end do
         do t = coldest, warmest
            planck_share(band, t) = below(edge(band), real(t, real64)) - below(edge(band - 1), real(t, real64))
         end do
      end do
      do band = 1, short_bands
         do gas = 1, 3
            short_of(:, gas, band) = short_k(gas, band) * exp(away * short_spread(gas, band))
         end do
      end do
      ! What is beyond the last edge is counted to the last band.
      planck_share(long_bands, :) = 1 - sum(planck_share(:long_bands - 1, :), dim=1)
   end subroutine prepare

   !> Share of a black body's emission below a wave number in cm-1, by the usual series.
   pure real(real64) function below(number, t)
      real(real64), intent(in) :: number, t
      real(real64) :: x, s
      integer :: n
      below = 0
      if (number <= 0) return
      x = 1.438777_real64 * number / t
      s = 0
      do n = 1, 200
         s = s + exp(-n * x) * (x**3 / n + 3 * x**2 / n**2 + 6 * x / real(n, real64)**3 + 6 / real(n, real64)**4)
      end do
      below = 1 - 15 / acos(-1.0_real64)**4 * s
   end function below

   !> What a black body emits in each band, W m-2.
   pure function black_body(t) result(emitted)
      real(real64), intent(in) :: t
      real(real64) :: emitted(long_bands)
      real(real64) :: within
      integer :: i
      within = min(max(t, coldest + 0.001_real64), warmest - 0.001_real64)
      i = int(within)
      emitted = stefan * t**4 * (planck_share(:, i) + (within - i) * (planck_share(:, i + 1) - planck_share(:, i)))
   end function black_body

   !> Absorption depth of a layer in the longwave.
   pure subroutine longwave_depth(p, t_vapour, gases, cloud, depth)
      real(real64), intent(in) :: p             !< pressure as a share of that at the ground
      real(real64), intent(in) :: t_vapour      !< pressure of vapour, in 1000 Pa
      real(real64), intent(in) :: gases(3), cloud   !< masses of vapour, carbon dioxide, ozone and cloud water
      real(real64), intent(out) :: depth(parts, long_bands)
      real(real64) :: broad(parts)
      integer :: band
      broad = p**broadening
      do band = 1, long_bands
         depth(:, band) = broad * matmul(long_of(:, :, band), gases) + continuum(band) * t_vapour * gases(1) + cloud_k * cloud
      end do
   end subroutine longwave_depth

   !> Extinction depth of a layer in the shortwave, the share of it that is scattered, and how far forward.
   !>
   !> Most of what drops scatter goes straight on: that part counts as not scattered (Joseph et al. 1976).
   pure subroutine shortwave_depth(p, thickness, gases, cloud, depth, scattered, forward)
      real(real64), intent(in) :: p, thickness      !< pressure, and how much the layer has: shares of that at the ground
      real(real64), intent(in) :: gases(3), cloud
      real(real64), intent(out) :: depth(parts, short_bands), scattered(parts, short_bands), forward(parts, short_bands)
      real(real64) :: broad(parts), by_air, by_drops
      integer :: band
      broad = p**broadening
      do band = 1, short_bands
         by_air = rayleigh(band) * thickness
         by_drops = drops * cloud * (1 - cloud_absorbs(band)) * (1 - asymmetry**2)
         depth(:, band) = broad * matmul(short_of(:, :, band), gases) + by_air + by_drops + drops * cloud * cloud_absorbs(band)
         scattered(:, band) = (by_air + by_drops) / max(depth(:, band), tiny(p))
         forward(:, band) = asymmetry / (1 + asymmetry) * by_drops / max(by_air + by_drops, tiny(p))
      end do
   end subroutine shortwave_depth

end module spectrum
