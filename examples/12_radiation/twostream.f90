!> Radiation up and down through a column, in two streams.
module twostream
   use, intrinsic :: iso_fortran_env, only: real64
   use column, only: gravity, surface
   use spectrum, only: black_body, long_bands, longwave_depth, parts, share, short_bands, shortwave_depth, sunlight
   implicit none (type, external)
   private
   public :: radiate, longwave, shortwave, layer

   real(real64), parameter, public :: diffusivity = 1.66_real64     !< how much longer slanted paths are (Elsasser 1942)

   !> The fluxes of a column, W m-2, between its layers.
   type, public :: fluxes
      real(real64), allocatable :: long_down(:), long_up(:), direct(:), short_down(:), short_up(:)
   end type fluxes

contains

   !> All fluxes of one column. `co2` is parts per million by volume, `sun` what arrives at the top on a flat surface, W m-2.
   pure subroutine radiate(half, t, vapour, ozone, cloud, ground, albedo, height_of_sun, sun, co2, f)
      real(real64), intent(in) :: half(:), t(:), vapour(:), ozone(:), cloud(:), ground, albedo, height_of_sun, sun, co2
      type(fluxes), intent(out) :: f
      real(real64), dimension(parts, long_bands, size(t)) :: long_depth
      real(real64), dimension(parts, short_bands, size(t)) :: depth, scattered, forward
      real(real64) :: emitted(long_bands, size(t)), p, mass, gases(3)
      integer :: k
      do k = 1, size(t)
         p = (half(k) + half(k + 1)) / 2
         mass = (half(k + 1) - half(k)) / gravity
         gases = mass * [vapour(k), co2 * 1e-6_real64 * 44 / 29, ozone(k)]
         call longwave_depth(p / surface, vapour(k) * p / 622, gases, mass * cloud(k), long_depth(:, :, k))
         call shortwave_depth(p / surface, (half(k + 1) - half(k)) / surface, gases, mass * cloud(k), &
                              depth(:, :, k), scattered(:, :, k), forward(:, :, k))
         emitted(:, k) = black_body(t(k))
      end do
      call longwave(long_depth, emitted, black_body(ground), f%long_down, f%long_up)
      call shortwave(depth, scattered, forward, albedo, height_of_sun, sun, f%direct, f%short_down, f%short_up)
   end subroutine radiate

   !> Longwave radiation: absorbed and emitted, not scattered. Nothing comes down from what is below, nothing up from what is above.
   pure subroutine longwave(depth, emitted, from_ground, down, up)
      real(real64), intent(in) :: depth(:, :, :)      !< (part, band, layer)
      real(real64), intent(in) :: emitted(:, :), from_ground(:)   !< W m-2 of a black body: (band, layer), (band)
      real(real64), allocatable, intent(out) :: down(:), up(:)
      real(real64), dimension(size(depth, 1), size(depth, 2)) :: d, u
      real(real64) :: keep(size(depth, 1), size(depth, 2), size(depth, 3))
      integer :: k
      associate (levels => size(depth, 3))
         allocate (down(levels + 1), up(levels + 1))
         keep = exp(-diffusivity * depth)
         d = 0
         down(1) = 0
         do k = 1, levels
            d = d * keep(:, :, k) + spread(emitted(:, k), 1, size(d, 1)) * (1 - keep(:, :, k))
            down(k + 1) = sum(matmul(share, d))
         end do
         u = spread(from_ground, 1, size(u, 1))
         up(levels + 1) = sum(from_ground)
         do k = levels, 1, -1
            u = u * keep(:, :, k) + spread(emitted(:, k), 1, size(u, 1)) * (1 - keep(:, :, k))
            up(k) = sum(matmul(share, u))
         end do
      end associate
   end subroutine longwave

   !> Shortwave radiation: layers are put on each other from the ground upward, then light falls down through them.
   pure subroutine shortwave(depth, scattered, forward, albedo, height_of_sun, sun, direct, down, up)
      real(real64), dimension(:, :, :), intent(in) :: depth, scattered, forward      !< (part, band, layer)
      real(real64), intent(in) :: albedo, height_of_sun, sun
      real(real64), allocatable, intent(out) :: direct(:), down(:), up(:)
      real(real64), dimension(size(depth, 3)) :: reflect, through, beam_reflect, beam_through, beam
      real(real64), dimension(size(depth, 3) + 1) :: straight, below, source
      real(real64) :: diffuse, between, incoming
      integer :: part, band, k
      associate (levels => size(depth, 3))
         allocate (direct(levels + 1), down(levels + 1), up(levels + 1))
         direct = 0
         down = 0
         up = 0
         do band = 1, size(depth, 2)
            do part = 1, size(depth, 1)
               incoming = sun * sunlight(band) * share(part)
               call layer(depth(part, band, :), scattered(part, band, :), forward(part, band, :), height_of_sun, &
                          reflect, through, beam_reflect, beam_through, beam)
               straight(1) = incoming
               do k = 1, levels
                  straight(k + 1) = straight(k) * beam(k)
               end do
               below(levels + 1) = albedo                                ! reflectivity of all that is below
               source(levels + 1) = albedo * straight(levels + 1)        ! and what it makes of the direct beam
               do k = levels, 1, -1
                  between = 1 / (1 - below(k + 1) * reflect(k))          ! to and fro between this layer and those below
                  below(k) = reflect(k) + through(k)**2 * below(k + 1) * between
                  source(k) = beam_reflect(k) * straight(k) &
                     + through(k) * (source(k + 1) + below(k + 1) * beam_through(k) * straight(k)) * between
               end do
               diffuse = 0
               do k = 1, levels + 1
                  direct(k) = direct(k) + straight(k)
                  down(k) = down(k) + straight(k) + diffuse
                  up(k) = up(k) + below(k) * diffuse + source(k)
                  if (k > levels) exit
                  diffuse = (through(k) * diffuse + reflect(k) * source(k + 1) + beam_through(k) * straight(k)) &
                     / (1 - below(k + 1) * reflect(k))
               end do
            end do
         end do
      end associate
   end subroutine shortwave

   !> What a layer does to diffuse light and to the direct beam (Meador and Weaver 1980, equations 14, 15 and 25, with the
   !> coefficients of Zdunkowski et al. 1980).
   elemental subroutine layer(depth, scattered, forward, height_of_sun, reflect, through, beam_reflect, beam_through, beam)
      real(real64), intent(in) :: depth, scattered, forward, height_of_sun
      real(real64), intent(out) :: reflect, through, beam_reflect, beam_through, beam
      real(real64) :: g1, g2, g3, g4, a1, a2, k, e, mu, below_line, beam_line
      g1 = (8 - scattered * (5 + 3 * forward)) / 4
      g2 = 0.75_real64 * scattered * (1 - forward)
      g3 = (2 - 3 * forward * height_of_sun) / 4
      g4 = 1 - g3
      a1 = g1 * g4 + g2 * g3
      a2 = g1 * g3 + g2 * g4
      k = sqrt(max((g1 - g2) * (g1 + g2), 1e-12_real64))     ! zero where nothing is absorbed
      mu = height_of_sun
      if (abs(k * mu - 1) < 1e-5_real64) mu = mu * (1 + 2e-5_real64)   ! a removable singularity
      e = exp(-k * depth)
      beam = exp(-depth / height_of_sun)
      below_line = 1 / (k + g1 + (k - g1) * e**2)
      reflect = g2 * (1 - e**2) * below_line
      through = 2 * k * e * below_line
      beam_line = scattered * below_line / (1 - (k * mu)**2)
      beam_reflect = beam_line * ((1 - k * mu) * (a2 + k * g3) - (1 + k * mu) * (a2 - k * g3) * e**2 &
                                  - 2 * k * (g3 - a2 * mu) * e * beam)
      beam_through = -beam_line * ((1 + k * mu) * (a1 + k * g4) * beam - (1 - k * mu) * (a1 - k * g4) * e**2 * beam &
                                   - 2 * k * (g4 + a1 * mu) * e)
      beam_reflect = min(max(beam_reflect, 0.0_real64), 1 - beam)
      beam_through = min(max(beam_through, 0.0_real64), 1 - beam - beam_reflect)
   end subroutine layer

end module twostream
