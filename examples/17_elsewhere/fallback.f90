!> What takes over where the network was never trained: the host's own scheme, in the shape that the generated module wants.
!>
!> It stands in a module: an internal procedure that is handed over makes gfortran put code on the stack, which some systems forbid.
module fallback
   use, intrinsic :: iso_c_binding, only: c_bool
   use, intrinsic :: iso_fortran_env, only: real64
   use kessler, only: make_rain
   use storms, only: dt
   implicit none (type, external)
   private
   public :: own_scheme

contains

   subroutine own_scheme(sample_numbers, temperature, pressure, vapour, cloud, rain, &
                         temperature_next, vapour_next, cloud_next, rain_next, outside)
      integer, intent(in) :: sample_numbers(:)
      real(real64), intent(in) :: temperature(:), pressure(:), vapour(:), cloud(:), rain(:)
      real(real64), intent(inout) :: temperature_next(:), vapour_next(:), cloud_next(:), rain_next(:)
      logical(c_bool), intent(inout) :: outside(:)   !< stays what the network says, where it was asked
      if (size(sample_numbers) /= size(outside)) error stop 'a number for each sample'
      temperature_next = temperature
      vapour_next = vapour
      cloud_next = cloud
      rain_next = rain
      call make_rain(temperature_next, pressure, vapour_next, cloud_next, rain_next, dt)
   end subroutine own_scheme

end module fallback
