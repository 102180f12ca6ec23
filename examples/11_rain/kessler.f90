!> The scheme to learn: Kessler's (1969) warm rain in the form of Klemp and Wilhelmson (1978).
!>
!> Cloud becomes rain by itself above half a gram, and is swept up by rain; vapour above saturation becomes cloud; cloud, and then
!> rain, evaporates below it. What one form of water loses another gains, and temperature follows.
module kessler
   use, intrinsic :: iso_fortran_env, only: real64
   implicit none (type, external)
   private
   public :: make_rain, saturation

   real(real64), parameter, public :: latent = 2.5e6_real64, heat = 1004   !< J kg-1, J kg-1 K-1
   real(real64), parameter :: enough = 0.5e-3_real64                       !< kg/kg of cloud, above which it turns into rain

contains

   !> One step for one piece of air.
   elemental subroutine make_rain(temperature, pressure, vapour, cloud, rain, dt)
      real(real64), intent(inout) :: temperature           !< K
      real(real64), intent(in) :: pressure                 !< Pa
      real(real64), intent(inout) :: vapour, cloud, rain   !< kg/kg
      real(real64), intent(in) :: dt                       !< s
      real(real64) :: density, saturated, collected, excess, condensed, evaporated, wet
      density = 0.001_real64 * pressure / (287 * temperature)   ! g cm-3, as in the papers
      collected = cloud - (cloud - dt * max(0.001_real64 * (cloud - enough), 0.0_real64)) &
                  / (1 + dt * 2.2_real64 * rain**0.875_real64)
      cloud = cloud - collected
      rain = rain + collected

      saturated = saturation(temperature, pressure)
      excess = (vapour - saturated) / (1 + saturated * 4093 * latent / heat / (temperature - 36)**2)
      condensed = max(excess, -cloud)
      wet = density * rain
      evaporated = dt * (1.6_real64 + 124.9_real64 * wet**0.2046_real64) * wet**0.525_real64 &
                   / (2.55e6_real64 / (0.01_real64 * pressure * saturated) + 5.4e5_real64) &
                   * max(saturated - vapour, 0.0_real64) / (density * saturated)
      evaporated = min(evaporated, max(-excess - cloud, 0.0_real64), rain)
      vapour = vapour - condensed + evaporated
      cloud = cloud + condensed
      rain = rain - evaporated
      temperature = temperature + latent / heat * (condensed - evaporated)
   end subroutine make_rain

   !> Vapour that air can hold, kg/kg.
   elemental real(real64) function saturation(temperature, pressure)
      real(real64), intent(in) :: temperature, pressure
      saturation = 380 / pressure * exp(17.27_real64 * (temperature - 273) / (temperature - 36))
   end function saturation

end module kessler
