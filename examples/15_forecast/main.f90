!> Forecasts of monthly indices, half a year ahead: `forecast run.nml`.
!>
!> Month by month the observation comes in, and the network's state with it; from there an ensemble goes on without observations.
!> Beside it stand persistence, fading and a linear inverse model.
program forecast
   use, intrinsic :: iso_fortran_env, only: error_unit, int64, real64
   use draws, only: draw
   use forecast_network, only: finalize, init, network_step => run
   use history, only: history_file, read_last
   use indices, only: n_indices, read_anomalies
   use linear, only: fit_fading, fit_linear
   implicit none (type, external)

   integer, parameter :: leads = 6, width = 8, most_members = 50
   real(real64), parameter :: dropped = 0.5_real64   !< share of the state that a member does without; as in train.py

   ! What the namelist can say.
   character(len=256) :: observations = 'ostia_monthly.nc', network = '', start = '', output = 'history.nc', restart = ''
   integer :: first_held_out = 0, last_held_out = 0   !< months that nothing may be learned from
   integer :: last = 1000                             !< month to stop after
   integer :: members = 20, seed = 1
   logical :: one_by_one = .false.                    !< the members, the last one first
   namelist /run/ observations, network, start, output, restart, first_held_out, last_held_out, last, members, seed, one_by_one

   real(real64), allocatable :: anomaly(:, :)
   integer, allocatable :: month(:)
   real(real64) :: step_matrix(n_indices, n_indices), fading(n_indices)
   real(real64) :: ensemble(n_indices * leads, most_members)

   call read_namelist()
   call read_anomalies(trim(observations), first_held_out, last_held_out, anomaly, month)
   call fit_simple_forecasts()
   if (network /= '') call init(trim(network))
   call time_steps()
   if (network /= '') call finalize()

contains

   subroutine time_steps()
      type(history_file) :: out
      real(real64) :: state(width, 1), next_state(width, 1), next(n_indices, 1), keep_all(width, 1)
      real(real64) :: fades(n_indices), goes_on(n_indices)
      real(real64) :: fading_forecast(n_indices, leads), linear_forecast(n_indices, leads), before
      integer :: now, lead
      state = 0
      before = 0
      keep_all = 1
      if (start /= '') then
         call read_last(trim(start), 'state', state(:, 1))
         call read_last(trim(start), 'now', before)
      end if
      call open_history(out, trim(output))
      do now = nint(before) + 1, min(last, size(month))
         fades = anomaly(:, now)
         goes_on = anomaly(:, now)
         do lead = 1, leads
            fades = fades * fading
            goes_on = matmul(step_matrix, goes_on)
            fading_forecast(:, lead) = fades
            linear_forecast(:, lead) = goes_on
         end do
         ensemble = 0
         if (network /= '') then
            call forecast_ensemble(now, state)
            call network_step(anomaly(:, now:now), real(month(now:now), real64), keep_all, state, next, next_state)
            state = next_state
         end if
         call out%record(now * 30.0_real64)
         call out%put('now', real(now, real64))
         call out%put('month', real(month(now), real64))
         call out%put('anomaly', anomaly(:, now))
         call out%put('fading', reshape(fading_forecast, [n_indices * leads]))
         call out%put('linear', reshape(linear_forecast, [n_indices * leads]))
         call out%put('ensemble', ensemble(:, :members))
         call out%put('state', state(:, 1))
      end do
      call out%close()
      if (restart == '') return
      call open_history(out, trim(restart))
      call out%record(last * 30.0_real64)
      call out%put('now', real(last, real64))
      call out%put('state', state(:, 1))
      call out%close()
   end subroutine time_steps

   !> All members at once, or one by one: they have the same bits, because each has its own random numbers.
   subroutine forecast_ensemble(now, state)
      integer, intent(in) :: now
      real(real64), intent(in) :: state(width, 1)
      integer :: member
      if (one_by_one) then
         do member = members, 1, -1
            call forecast_members(now, state, member, member)
         end do
      else
         call forecast_members(now, state, 1, members)
      end if
   end subroutine forecast_ensemble

   subroutine forecast_members(now, state, first, final)
      integer, intent(in) :: now, first, final
      real(real64), intent(in) :: state(width, 1)
      real(real64) :: x(n_indices, final - first + 1), next(n_indices, final - first + 1)
      real(real64) :: h(width, final - first + 1), next_h(width, final - first + 1), keep(width, final - first + 1)
      integer :: lead, member
      do member = first, final
         call draw_keep(now, member, keep(:, member - first + 1))
      end do
      x = spread(anomaly(:, now), 2, final - first + 1)
      h = spread(state(:, 1), 2, final - first + 1)
      do lead = 1, leads
         associate (calendar => modulo(month(now) + lead - 2, 12) + 1)
            call network_step(x, spread(real(calendar, real64), 1, final - first + 1), keep, h, next, next_h)
         end associate
         x = next
         h = next_h
         ensemble((lead - 1) * n_indices + 1:lead * n_indices, first:final) = x
      end do
   end subroutine forecast_members

   !> What a member keeps of the state. Its random numbers follow from seed, month and member, not from what was drawn before.
   subroutine draw_keep(now, member, keep)
      integer, intent(in) :: now, member
      real(real64), intent(out) :: keep(width)
      real(real64) :: state, number
      integer :: i
      state = 1 + modulo(1000003_int64 * seed + 7919 * now + 104729 * member, 2147483646_int64)
      do i = 1, 20                                  ! neighbouring states begin alike
         call draw(state, number)
      end do
      do i = 1, width
         call draw(state, number)
         keep(i) = merge(0.0_real64, 1 / (1 - dropped), (number + 1) / 2 < dropped)
      end do
   end subroutine draw_keep

   !> Pairs of months that may be learned from.
   subroutine fit_simple_forecasts()
      logical :: known(size(month))
      integer :: t
      integer, allocatable :: pairs(:)
      known = [(t < first_held_out .or. t > last_held_out, t=1, size(month))]
      pairs = pack([(t, t=1, size(month) - 1)], known(:size(month) - 1) .and. known(2:))
      step_matrix = fit_linear(anomaly(:, pairs), anomaly(:, pairs + 1))
      fading = fit_fading(anomaly(:, pairs), anomaly(:, pairs + 1))
   end subroutine fit_simple_forecasts

   subroutine open_history(out, path)
      type(history_file), intent(inout) :: out
      character(len=*), intent(in) :: path
      integer :: i
      call out%create(path, 'Monthly indices of the tropical oceans and their forecasts')
      call out%axis('index', '1', [(real(i, real64), i=1, n_indices)])
      call out%axis('lead_and_index', '1', [(real(i, real64), i=1, n_indices * leads)])
      call out%axis('member', '1', [(real(i, real64), i=1, members)])
      call out%axis('unit', '1', [(real(i, real64), i=1, width)])
      call out%variable('now', '1', 'number of the month')
      call out%variable('month', '1', 'calendar month')
      call out%variable('anomaly', 'K', 'observed', ['index'])
      call out%variable('fading', 'K', 'forecast: anomalies fade', ['lead_and_index'])
      call out%variable('linear', 'K', 'forecast of the linear inverse model', ['lead_and_index'])
      call out%variable('ensemble', 'K', 'forecasts of the network', [character(len=14) :: 'lead_and_index', 'member'])
      call out%variable('state', '1', 'state of the recurrent network after the month', ['unit'])
   end subroutine open_history

   subroutine read_namelist()
      character(len=256) :: path, message
      integer :: unit, status
      call get_command_argument(1, path)
      if (path == '') error stop 'usage: forecast run.nml'
      open (newunit=unit, file=path, status='old', action='read', iostat=status, iomsg=message)
      if (status == 0) read (unit, nml=run, iostat=status, iomsg=message)
      if (status == 0) close (unit)
      if (status == 0 .and. (members < 1 .or. members > most_members)) then
         status = 1
         write (message, '(a, i0, a, i0)') 'members is ', members, '; it can be 1 to ', most_members
      end if
      if (status /= 0) then
         write (error_unit, '(4a)') 'forecast: ', trim(path), ': ', trim(message)
         stop 1, quiet=.true.
      end if
   end subroutine read_namelist

end program forecast
