!> NetCDF in and out: nothing in this file knows of the network.
module sst_io
   use, intrinsic :: iso_fortran_env, only: real64
   use netcdf
   implicit none (type, external)
   private
   public :: observations, read_observations, write_forecast, calendar_month, year

   !> Monthly mean fields, in the order of this program: sst(longitude, latitude, time).
   type :: observations
      real(real64), allocatable :: lon(:), lat(:)  !< degrees
      real(real64), allocatable :: time(:)        !< middle of each month, hours since 1970-01-01
      real(real64), allocatable :: sst(:, :, :)   !< K; `land` on land points
      real(real64), allocatable :: mask(:, :)     !< 1 on ocean, 0 on land
      real(real64) :: land                        !< what the file holds on land
   end type observations

contains

   subroutine read_observations(path, obs)
      character(len=*), intent(in) :: path
      type(observations), intent(out) :: obs
      integer :: file, field, dims(3), n(3), i

      call check(nf90_open(path, nf90_nowrite, file), path)
      call check(nf90_inq_varid(file, 'surface_temperature', field), 'surface_temperature')
      call check(nf90_inquire_variable(file, field, dimids=dims), 'dimensions of surface_temperature')
      do i = 1, 3
         call check(nf90_inquire_dimension(file, dims(i), len=n(i)), 'length of a dimension')
      end do
      allocate (obs%sst(n(1), n(2), n(3)), obs%lon(n(1)), obs%lat(n(2)), obs%time(n(3)))
      call check(nf90_get_var(file, field, obs%sst), 'surface_temperature')
      call check(nf90_get_att(file, field, '_FillValue', obs%land), '_FillValue')
      call read_axis(file, 'longitude', obs%lon)
      call read_axis(file, 'latitude', obs%lat)
      call read_axis(file, 'time', obs%time)
      call check(nf90_close(file), path)
      obs%mask = merge(0.0_real64, 1.0_real64, any(obs%sst >= obs%land, dim=3))
   end subroutine read_observations

   subroutine read_axis(file, name, values)
      integer, intent(in) :: file
      character(len=*), intent(in) :: name
      real(real64), intent(out) :: values(:)
      integer :: id

      call check(nf90_inq_varid(file, name, id), name)
      call check(nf90_get_var(file, id, values), name)
   end subroutine read_axis

   !> Write both forecasts of the months `first` to `first + size(one_month, 3) - 1` as a CF file. Land is the fill value, because
   !> that is what the observations hold there and the network leaves land alone.
   subroutine write_forecast(path, obs, first, one_month, free_run)
      character(len=*), intent(in) :: path
      type(observations), intent(in) :: obs
      integer, intent(in) :: first
      real(real64), intent(in) :: one_month(:, :, :), free_run(:, :, :)
      integer :: file, dims(3), lon, lat, time, one, free

      call check(nf90_create(path, nf90_netcdf4, file), path)
      call define_axis(file, 'longitude', 'degrees_east', 'X', size(obs%lon), dims(1), lon)
      call define_axis(file, 'latitude', 'degrees_north', 'Y', size(obs%lat), dims(2), lat)
      call define_axis(file, 'time', 'hours since 1970-01-01 00:00:00', 'T', size(one_month, 3), dims(3), time)
      call check(nf90_put_att(file, time, 'calendar', 'standard'), 'calendar')
      call define_sst(file, 'sst_one_month', 'one month ahead of the observed month before', dims, obs%land, one)
      call define_sst(file, 'sst_free_run', 'free run, each month from the forecast before', dims, obs%land, free)
      call check(nf90_put_att(file, nf90_global, 'Conventions', 'CF-1.8'), 'Conventions')
      call check(nf90_put_att(file, nf90_global, 'title', 'Sea surface temperature forecast by a neural network'), 'title')
      call check(nf90_put_att(file, nf90_global, 'source', 'sst_forecast (Fortran) with a network of PyTorch, ' &
         //'started from OSTIA of the Met Office'), 'source')
      call check(nf90_enddef(file), path)
      call check(nf90_put_var(file, lon, obs%lon), 'longitude')
      call check(nf90_put_var(file, lat, obs%lat), 'latitude')
      call check(nf90_put_var(file, time, obs%time(first:first + size(one_month, 3) - 1)), 'time')
      call check(nf90_put_var(file, one, one_month), 'sst_one_month')
      call check(nf90_put_var(file, free, free_run), 'sst_free_run')
      call check(nf90_close(file), path)
   end subroutine write_forecast

   subroutine define_axis(file, name, units, axis, length, dim, id)
      integer, intent(in) :: file, length
      character(len=*), intent(in) :: name, units, axis
      integer, intent(out) :: dim, id

      call check(nf90_def_dim(file, name, length, dim), name)
      call check(nf90_def_var(file, name, nf90_double, [dim], id), name)
      call check(nf90_put_att(file, id, 'standard_name', name), name)
      call check(nf90_put_att(file, id, 'units', units), name)
      call check(nf90_put_att(file, id, 'axis', axis), name)
   end subroutine define_axis

   subroutine define_sst(file, name, long_name, dims, land, id)
      integer, intent(in) :: file, dims(3)
      character(len=*), intent(in) :: name, long_name
      real(real64), intent(in) :: land
      integer, intent(out) :: id

      ! The network computes in single precision: a float loses nothing.
      call check(nf90_def_var(file, name, nf90_float, dims, id), name)
      call check(nf90_put_att(file, id, 'standard_name', 'sea_surface_temperature'), name)
      call check(nf90_put_att(file, id, 'long_name', 'sea surface temperature, '//long_name), name)
      call check(nf90_put_att(file, id, 'units', 'K'), name)
      call check(nf90_put_att(file, id, 'cell_methods', 'time: mean'), name)
      call check(nf90_put_att(file, id, '_FillValue', real(land)), name)
   end subroutine define_sst

   !> Whole months from January 1970 to a time in the middle of a month: there the length of an average month is exact enough.
   elemental integer function months_since_1970(hours)
      real(real64), intent(in) :: hours
      months_since_1970 = int(hours / (365.2425_real64 * 24 / 12))
   end function months_since_1970

   elemental integer function calendar_month(hours)
      real(real64), intent(in) :: hours
      calendar_month = modulo(months_since_1970(hours), 12) + 1
   end function calendar_month

   elemental integer function year(hours)
      real(real64), intent(in) :: hours
      year = 1970 + months_since_1970(hours) / 12
   end function year

   subroutine check(status, what)
      integer, intent(in) :: status
      character(len=*), intent(in) :: what
      if (status /= nf90_noerr) error stop 'sst_forecast: '//what//': '//trim(nf90_strerror(status))
   end subroutine check

end module sst_io
