!> Stands for the generated module in a program that is built without a network.
module storm_network
   use, intrinsic :: iso_c_binding, only: c_bool
   use, intrinsic :: iso_fortran_env, only: int64, real64
   use without_network, only: finalize, guard_report, init
   implicit none (type, external)
   private
   public :: init, run, run_guarded, finalize, n_guarded, guard_counts, guard_report

   integer, parameter :: n_guarded = 5

   abstract interface
      subroutine guarded_scheme(sample_numbers, temperature, pressure, vapour, cloud, rain, &
                                temperature_next, vapour_next, cloud_next, rain_next, outside)
         import :: c_bool, real64
         integer, intent(in) :: sample_numbers(:)
         real(real64), intent(in) :: temperature(:), pressure(:), vapour(:), cloud(:), rain(:)
         real(real64), intent(inout) :: temperature_next(:), vapour_next(:), cloud_next(:), rain_next(:)
         logical(c_bool), intent(inout) :: outside(:)
      end subroutine guarded_scheme
   end interface

contains

   subroutine run(temperature, pressure, vapour, cloud, rain, temperature_next, vapour_next, cloud_next, rain_next, outside)
      real(real64), intent(in) :: temperature(:), pressure(:), vapour(:), cloud(:), rain(:)
      real(real64), intent(inout) :: temperature_next(:), vapour_next(:), cloud_next(:), rain_next(:)
      logical(c_bool), intent(inout) :: outside(:)
      call init('a network')
      outside = .true.
      temperature_next = temperature + pressure
      vapour_next = vapour
      cloud_next = cloud
      rain_next = rain
   end subroutine run

   subroutine run_guarded(temperature, pressure, vapour, cloud, rain, temperature_next, vapour_next, cloud_next, rain_next, &
                          outside, scheme, fallbacks)
      real(real64), intent(in) :: temperature(:), pressure(:), vapour(:), cloud(:), rain(:)
      real(real64), intent(inout) :: temperature_next(:), vapour_next(:), cloud_next(:), rain_next(:)
      logical(c_bool), intent(inout) :: outside(:)
      procedure(guarded_scheme) :: scheme
      integer, intent(inout) :: fallbacks(:)
      integer :: i
      call scheme([(i, i=1, size(fallbacks))], temperature, pressure, vapour, cloud, rain, &
                  temperature_next, vapour_next, cloud_next, rain_next, outside)
      fallbacks = fallbacks + 1
   end subroutine run_guarded

   subroutine guard_counts(outside, below, above)
      integer(int64), intent(out) :: outside(n_guarded)
      integer(int64), optional, intent(out) :: below(n_guarded), above(n_guarded)
      outside = 0
      if (present(below)) below = 0
      if (present(above)) above = 0
   end subroutine guard_counts

end module storm_network
