module host_longwave
  !! Longwave fluxes of columns of air, as textbooks have them (Goody and Yung, Atmospheric Radiation: Theoretical Basis, 2nd
  !! edition, 1989): bands, the strengths of absorption within a band sorted into equal parts (correlated k), emission and
  !! absorption without scattering, the directions of a hemisphere as one by the diffusivity factor. Fractions of Planck's function
  !! are sums of exponentials (Chang and Rhee, Int. Comm. Heat Mass Transfer 11, 1984). The coefficients are round numbers that give
  !! a realistic cost and realistic fluxes: nothing to forecast with.
  use, intrinsic :: iso_c_binding, only: c_double, c_int32_t
  use, intrinsic :: iso_fortran_env, only: real64
  implicit none (type, external)
  private

  public :: longwave, longwave_by_levels, n_levels, n_inputs

  integer, parameter :: n_levels = 8, n_inputs = 5 * n_levels + 5
    !! A column: temperature, water vapour, cloud water, ozone and thickness of each layer from the top down (K, kg/kg, kg/m2,
    !! kg/kg, Pa), temperature and emissivity of the surface, carbon dioxide, methane and nitrous oxide (K, 1, ppm)
  integer, parameter :: n_bands = 8, n_parts = 16, n_gases = 5
    !! How the spectrum is divided
  real(real64), parameter :: edges(n_bands + 1) = [0, 350, 500, 630, 700, 820, 980, 1180, 2250]
    !! Wave numbers between the bands, 1/cm
  real(real64), parameter :: strength(n_gases, n_bands) = reshape([real(real64) :: &
    2.0, 0, 0, 0, 0,   0.3, 0, 0, 0, 0,   0.1, 0, 1.0, 0, 10,   0.08, 0, 20, 0, 0, &
    0.03, 5, 1.0, 0, 0,   0.002, 0, 0.001, 0, 0,   0.003, 100, 0.003, 0, 0,   0.5, 0, 0, 50, 60], [n_gases, n_bands])
    !! Absorption by water vapour, ozone, carbon dioxide, methane and nitrous oxide, m2/kg
  integer :: k
  real(real64), parameter :: parts(n_parts) = [(((k - 0.5_real64) / (n_parts - k + 0.5_real64))**1.5_real64, k=1, n_parts)]
    !! How strong absorption is in the parts of a band, in terms of the middle
  real(real64), parameter :: continuum = 6, cloudy = 100, diffusivity = 1.66
  real(real64), parameter :: gravity = 9.80665, sigma = 5.670374e-8, second = 1.438777, parts_per_million = 1e-6 / 28.97

contains

  subroutine longwave(x, flux, columns_first)
    !! Net upward fluxes at the boundaries of the layers, from the top down (W/m2).
    real(real64), intent(in) :: x(:, :)
    real(real64), intent(inout) :: flux(:, :)
    logical, intent(in) :: columns_first
    integer :: i
    do i = 1, size(x, merge(1, 2, columns_first))
      if (columns_first) then
        call column(x(i, :8), x(i, 9:16), x(i, 17:24), x(i, 25:32), x(i, 33:40), x(i, 41:), flux(i, :))
      else
        call column(x(:8, i), x(9:16, i), x(17:24, i), x(25:32, i), x(33:40, i), x(41:, i), flux(:, i))
      end if
    end do
  end subroutine longwave

  subroutine column(temperature, humidity, cloud, ozone, thickness, surface, flux)
    !! Those of a column. The parts of a band are what becomes vectors.
    real(real64), dimension(n_levels), intent(in) :: temperature, humidity, cloud, ozone, thickness
    real(real64), intent(in) :: surface(5)
    real(real64), intent(inout) :: flux(0:n_levels)
    real(real64) :: path(n_levels, n_gases), kept(n_parts, n_levels), net(n_parts, 0:n_levels), mass(n_levels), pressure
    real(real64), dimension(n_levels) :: gas, source
    real(real64), dimension(n_parts) :: up, down
    integer :: level, band, g
    pressure = 0
    do level = 1, n_levels   ! lines are broadened by pressure
      mass(level) = thickness(level) / gravity * (pressure + thickness(level) / 2) / 1e5_real64
      pressure = pressure + thickness(level)
    end do
    path(:, 1) = mass * humidity * (1 + continuum * humidity)
    path(:, 2) = mass * ozone
    path(:, 3) = mass * surface(3) * 44 * parts_per_million
    path(:, 4) = mass * surface(4) * 16 * parts_per_million
    path(:, 5) = mass * surface(5) * 44 * parts_per_million
    net = 0
    do band = 1, n_bands
      gas = 0
      do g = 1, n_gases
        gas = gas + strength(g, band) * path(:, g)
      end do
      source = planck(temperature, band)
      down = 0
      do level = 1, n_levels
        kept(:, level) = exp(-diffusivity * (parts * gas(level) + cloudy * cloud(level)))
        down = down * kept(:, level) + source(level) * (1 - kept(:, level))
        net(:, level) = net(:, level) - down
      end do
      up = surface(2) * planck(surface(1), band) + (1 - surface(2)) * down
      net(:, n_levels) = net(:, n_levels) + up
      do level = n_levels, 1, -1
        up = up * kept(:, level) + source(level) * (1 - kept(:, level))
        net(:, level - 1) = net(:, level - 1) + up
      end do
    end do
    flux = sum(net, 1) / n_parts
  end subroutine column

  elemental real(real64) function planck(temperature, band)
    !! What a black body emits in a band.
    real(real64), intent(in) :: temperature
    integer, intent(in) :: band
    planck = sigma * temperature**4 * (above(edges(band) / temperature) - above(edges(band + 1) / temperature))
  end function planck

  elemental real(real64) function above(ratio)
    !! The part of it above a wave number.
    real(real64), intent(in) :: ratio
    real(real64) :: x, e
    x = second * ratio
    e = exp(-x)
    above = 0.153990_real64 * e * (6 + x * (6 + x * (3 + x)) + e * (0.375_real64 + x * (0.75_real64 + x * (0.75_real64 + x / 2)) &
      + e * (0.0740741_real64 + x * (0.2222222_real64 + x * (0.3333333_real64 + x / 3)))))
    if (ratio <= 0) above = 1
  end function above

  subroutine longwave_by_levels(n, x, flux) bind(C)
    !! For Python, which trains the emulator on it.
    integer(c_int32_t), value :: n
    real(c_double), intent(in) :: x(n_inputs, n)
    real(c_double), intent(inout) :: flux(n_levels + 1, n)
    call longwave(x, flux, columns_first=.false.)
  end subroutine longwave_by_levels

end module host_longwave
