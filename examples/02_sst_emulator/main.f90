!> Forecast the sea surface temperature of the tropics with a PyTorch network inside a Fortran time loop.
!>
!>     sst_forecast OBSERVATIONS.nc MODEL FORECAST.nc
!>
!> forecasts the last 12 months of the observations two ways: each from the observed month before it, and all of them in one free
!> run that never sees an observation again.
program sst_forecast
   use, intrinsic :: iso_fortran_env, only: real64
   use ftorch
   use sst_emulator, only: sst_step
   use sst_io
   implicit none (type, external)

   call run(argument(1), argument(2), argument(3))

contains

   ! The work is in a subroutine, because what a main program declares is never freed.
   subroutine run(data_file, model_file, forecast_file)
      character(len=*), intent(in) :: data_file, model_file, forecast_file
      integer, parameter :: n_months = 12
      type(observations) :: obs
      type(torch_model) :: model
      real(real64), allocatable :: one_month(:, :, :), free_run(:, :, :), state(:, :)
      integer :: start, now, i, stat
      character(len=512) :: errmsg

      call read_observations(data_file, obs)
      call torch_model_load(model, model_file, stat=stat, errmsg=errmsg)
      if (stat /= torch_success) error stop 'sst_forecast: '//trim(errmsg)

      start = size(obs%time) - n_months
      allocate (one_month(size(obs%lon), size(obs%lat), n_months))
      allocate (free_run, mold=one_month)

      state = obs%sst(:, :, start)
      do i = 1, n_months
         now = start + i - 1
         call sst_step(model, obs%sst(:, :, now), obs%mask, calendar_month(obs%time(now)), one_month(:, :, i))
         call sst_step(model, state, obs%mask, calendar_month(obs%time(now)), free_run(:, :, i))
         state = free_run(:, :, i)
      end do

      call print_table(obs, start, one_month, free_run)
      call write_forecast(forecast_file, obs, start + 1, one_month, free_run)
   end subroutine run

   !> Errors of the network beside those of persistence: "next month is like this month" for the left half of the table, "it stays
   !> as it was at the start" for the free run.
   subroutine print_table(obs, start, one_month, free_run)
      type(observations), intent(in) :: obs
      integer, intent(in) :: start
      real(real64), intent(in) :: one_month(:, :, :), free_run(:, :, :)
      real(real64) :: error(4), squares(4)
      integer :: i

      squares = 0
      print '(a)', 'RMSE in K, plain mean over ocean points', &
         '         one month ahead           free run', &
         'month    network persistence       network persistence'
      do i = 1, size(one_month, 3)
         associate (truth => obs%sst(:, :, start + i))
            error = [rmse(one_month(:, :, i), truth, obs%mask), rmse(obs%sst(:, :, start + i - 1), truth, obs%mask), &
               rmse(free_run(:, :, i), truth, obs%mask), rmse(obs%sst(:, :, start), truth, obs%mask)]
         end associate
         squares = squares + error**2
         print '(i0,"-",i2.2,2f10.3,4x,2f10.3)', year(obs%time(start + i)), calendar_month(obs%time(start + i)), error
      end do
      print '("all    ",2f10.3,4x,2f10.3)', sqrt(squares / size(one_month, 3))
   end subroutine print_table

   !> Root mean square difference over the ocean. No area weights: within 5 degrees of the equator all cells are equal to 0.4 %.
   pure real(real64) function rmse(field, truth, mask)
      real(real64), intent(in) :: field(:, :), truth(:, :), mask(:, :)
      rmse = sqrt(sum((field - truth)**2, mask=mask > 0.5_real64) / sum(mask))
   end function rmse

   function argument(number) result(text)
      integer, intent(in) :: number
      character(len=:), allocatable :: text
      integer :: length

      call get_command_argument(number, length=length)
      if (length == 0) error stop 'usage: sst_forecast OBSERVATIONS.nc MODEL FORECAST.nc'
      allocate (character(len=length) :: text)
      call get_command_argument(number, text)
   end function argument

end program sst_forecast
