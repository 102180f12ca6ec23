!> The quasi-biennial oscillation in one dimension: `qbo run.nml`.
!>
!> The wind over the equator is driven by waves, by their scheme or by a network that has learnt it: `scheme` in the namelist is
!> 'waves', 'network', or 'both' (the waves drive, the network is asked and written beside them).
program qbo
   use, intrinsic :: iso_fortran_env, only: error_unit, output_unit, real64
   use column, only: bottom, diffuse, height, levels, top
   use drag_network, only: finalize, guard_report, init, network_drag => run
   use draws, only: draw
   use history, only: history_file, read_last
   use waves, only: wave_drag
   implicit none (type, external)

   real(real64), parameter :: pi = acos(-1.0_real64)
   integer, parameter :: steps_a_day = 4, days_between_draws = 5
   real(real64), parameter :: usual_flux = 6.0e-3_real64   !< m2 s-2 of each wave

   ! What the namelist can say.
   character(len=16) :: scheme = 'waves'
   character(len=256) :: network = '', start = '', output = 'history.nc', restart = ''
   real(real64) :: days = 7300           !< length of the run
   real(real64) :: source = 1            !< strength of the waves
   real(real64) :: variability = 0.3_real64  !< how much it changes, every five days, at random
   real(real64) :: diffusivity = 0.3_real64  !< m2 s-1
   real(real64) :: nudge = 0             !< m s-1: also ask the scheme about winds that are off by about so much
   integer :: days_between_records = 5, seed = 1
   namelist /run/ scheme, network, start, output, restart, days, source, variability, diffusivity, nudge, days_between_records, seed

   call read_namelist()
   if (scheme /= 'waves') call init(trim(network))
   call time_steps()
   if (scheme /= 'waves') then
      call guard_report(output_unit)
      call finalize()
   end if

contains

   subroutine time_steps()
      type(history_file) :: out
      real(real64) :: u(levels), flux(2), drag(levels), emulated(levels), state, now, off, nudged(levels), nudged_drag(levels)
      real(real64) :: nudges
      integer :: step, i
      if (start == '') then
         u = 5 * sin(2 * pi * (height([(i, i=1, levels)]) - bottom) / (top - bottom)) + 1   ! anything that is not at rest
         flux = source * usual_flux
         state = seed
         now = 0
      else
         call read_last(trim(start), 'u', u)
         call read_last(trim(start), 'flux', flux)
         call read_last(trim(start), 'random_state', state)
         call read_last(trim(start), 'time', now)
      end if
      nudges = seed
      call open_history(out, trim(output))
      do step = nint(now * steps_a_day), nint((now + days) * steps_a_day) - 1
         if (mod(step, days_between_draws * steps_a_day) == 0) then
            do i = 1, 2
               call draw(state, off)
               flux(i) = source * usual_flux * (1 + variability * off)
            end do
         end if
         if (scheme /= 'network') call wave_drag(u, flux, drag)
         if (scheme /= 'waves') call network_drag(u, flux, emulated)
         if (scheme == 'network') drag = emulated
         if (mod(step, days_between_records * steps_a_day) == 0) then
            call out%record(real(step, real64) / steps_a_day)
            call out%put('u', u)
            call out%put('flux', flux)
            call out%put('drag', drag)
            call out%put('random_state', state)
            if (scheme == 'both') call out%put('emulated', emulated)
            if (nudge > 0) then
               call another_wind(u, nudges, nudged)
               call wave_drag(nudged, flux, nudged_drag)
               call out%put('nudged_u', nudged)
               call out%put('nudged_drag', nudged_drag)
            end if
         end if
         u = u + drag / steps_a_day
         call diffuse(u, diffusivity, 86400.0_real64 / steps_a_day)
         if (.not. all(abs(u) < 1000)) then
            write (error_unit, '(a, f0.1)') 'qbo: the wind has left this world on day ', real(step, real64) / steps_a_day
            stop 1, quiet=.true.
         end if
      end do
      call out%close()
      if (restart == '') return
      call open_history(out, trim(restart))
      call out%record(now + days)
      call out%put('u', u)
      call out%put('flux', flux)
      call out%put('random_state', state)
      call out%close()
   end subroutine time_steps

   !> The wind as it might have been: a few waves over height, of random size, are added.
   subroutine another_wind(u, state, other)
      real(real64), intent(in) :: u(levels)
      real(real64), intent(inout) :: state
      real(real64), intent(out) :: other(levels)
      real(real64) :: size, shift
      integer :: i, k
      other = u
      do i = 1, 5
         call draw(state, size)
         call draw(state, shift)
         do k = 1, levels
            other(k) = other(k) + nudge * size * sin(pi * (i * (height(k) - bottom) / (top - bottom) + shift))
         end do
      end do
   end subroutine another_wind

   subroutine open_history(out, path)
      type(history_file), intent(inout) :: out
      character(len=*), intent(in) :: path
      integer :: i
      call out%create(path, 'Quasi-biennial oscillation in one dimension, driven by '//trim(scheme))
      call out%axis('height', 'm', height([(i, i=1, levels)]))
      call out%axis('wave', '1', [1.0_real64, 2.0_real64])
      call out%variable('u', 'm s-1', 'eastward wind', ['height'])
      call out%variable('flux', 'm2 s-2', 'momentum flux of the waves to the east and to the west at 17 km', ['wave'])
      call out%variable('random_state', '1', 'state of the random numbers')
      call out%variable('drag', 'm s-1 day-1', 'acceleration by waves', ['height'])
      if (scheme == 'both') call out%variable('emulated', 'm s-1 day-1', 'acceleration by the network', ['height'])
      if (nudge > 0) then
         call out%variable('nudged_u', 'm s-1', 'eastward wind as it might have been', ['height'])
         call out%variable('nudged_drag', 'm s-1 day-1', 'acceleration by waves of that wind', ['height'])
      end if
   end subroutine open_history

   subroutine read_namelist()
      character(len=256) :: path, message
      integer :: unit, status
      call get_command_argument(1, path)
      if (path == '') error stop 'usage: qbo run.nml'
      open (newunit=unit, file=path, status='old', action='read', iostat=status, iomsg=message)
      if (status == 0) read (unit, nml=run, iostat=status, iomsg=message)
      if (status == 0) close (unit)
      if (status == 0 .and. all(scheme /= [character(len=16) :: 'waves', 'network', 'both'])) then
         status = 1
         message = "scheme is none of 'waves', 'network', 'both': "//scheme
      end if
      if (status /= 0) then
         write (error_unit, '(4a)') 'qbo: ', trim(path), ': ', trim(message)
         stop 1, quiet=.true.
      end if
   end subroutine read_namelist

end program qbo
