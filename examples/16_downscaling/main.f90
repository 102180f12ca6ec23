!> Rain over mountains, fine and coarse, and an ensemble that makes fine of coarse: `downscaling run.nml`.
!>
!> The host makes the fine rain, hour by hour, and its means over coarse cells, which stand for what a coarse model knows. From
!> these `scheme` makes fine rain again: 'bilinear', or 'network' with as many members as the namelist says.
program downscaling
   use, intrinsic :: iso_fortran_env, only: error_unit, output_unit, real64
   use downscaling_network, only: finalize, guard_report, init, network_rain => run
   use ftorch, only: torch_noise_normal
   use grids, only: bilinear, coarse, on_coarse, ratio
   use history, only: history_file, read_last
   use mountains, only: moist_air, orographic_rain, random_mountains, sine_mountains
   use waves, only: cell, n
   use weather, only: begin_weather, next_hour, showers, sky
   implicit none (type, external)

   integer, parameter :: most_members = 100
   integer, parameter :: noises = 4                        !< random numbers of a fine cell; as in emulators.py

   ! What the namelist can say.
   character(len=16) :: scheme = 'bilinear'
   character(len=256) :: network = '', start = '', output = 'history.nc', restart = ''
   integer :: hours = 24, hours_between_records = 1
   integer :: seed = 1                                     !< of the weather
   integer :: mountain_seed = 1, ridges(2) = 0             !< mountains at random, or ridges, as many in x and y as said
   real(real64) :: height_scale = 700                      !< m
   type(moist_air) :: usual = moist_air(wind=[8, 0])       !< `usual%depth = 0` and so on
   real(real64) :: front = 0.7_real64                      !< rain without mountains, mm h-1
   real(real64) :: changes = 1                             !< of wind, vapour and front, as a share of what is usual
   real(real64) :: shower_deviation = 0.8_real64           !< of the logarithm of the showers
   integer :: members = 20, noise_seed = 1
   logical :: one_by_one = .false., backwards = .false.    !< a call for each member; the last one first
   namelist /run/ scheme, network, start, output, restart, hours, hours_between_records, seed, mountain_seed, ridges, &
      height_scale, usual, front, changes, shower_deviation, members, noise_seed, one_by_one, backwards

   type(sky) :: above
   real(real64) :: height(n, n), hour
   real(real64), allocatable :: ensemble(:, :, :)

   call read_namelist()
   if (scheme /= 'network') members = 1
   allocate (ensemble(n, n, members))
   if (scheme == 'network') call init(trim(network))
   call begin()
   call time_steps()
   if (scheme == 'network') then
      call guard_report(output_unit)
      call finalize()
   end if

contains

   subroutine begin()
      if (any(ridges /= 0)) then
         call sine_mountains(ridges, height_scale, height)
      else
         call random_mountains(mountain_seed, height_scale, height)
      end if
      hour = 0
      if (start == '') then
         call begin_weather(above, seed)
      else
         call read_restart()
      end if
   end subroutine begin

   subroutine time_steps()
      type(history_file) :: out
      type(moist_air) :: air
      real(real64) :: fine(n, n), mean(coarse, coarse)
      integer :: now, first
      call open_history(out, trim(output))
      first = nint(hour)
      do now = first + 1, first + hours
         air = air_of(above)
         call next_hour(above, air%wind)
         hour = now
         if (mod(now, hours_between_records) /= 0) cycle
         air = air_of(above)
         fine = max(front * exp(0.7_real64 * changes * above%large(4)) + orographic_rain(air, height), 0.0_real64) &
            * showers(above, shower_deviation)
         mean = on_coarse(fine)
         call make_fine(now, mean, air%wind)
         call out%record(hour / 24)
         call out%put('hour', hour)
         call out%put('height', height)
         call out%put('wind', air%wind)
         call out%put('rain', fine)
         call out%put('coarse', mean)
         call out%put('ensemble', reshape(ensemble, [n**2, members]))
      end do
      call out%close()
      if (restart /= '') call write_restart()
   end subroutine time_steps

   !> Wind, vapour and front, of what is large enough for a coarse model.
   pure type(moist_air) function air_of(above)
      type(sky), intent(in) :: above
      air_of = usual
      air_of%wind = air_of%wind + 5 * changes * above%large(:2)
      air_of%vapour = air_of%vapour * exp(0.3_real64 * changes * above%large(3))
   end function air_of

   !> Fine rain from coarse rain: all members in one call, or each in its own, in any order.
   subroutine make_fine(now, mean, wind)
      integer, intent(in) :: now
      real(real64), intent(in) :: mean(coarse, coarse), wind(2)
      integer :: each, member
      if (scheme == 'bilinear') then
         ensemble(:, :, 1) = bilinear(mean)
      else if (one_by_one) then
         do each = 1, members
            member = merge(members + 1 - each, each, backwards)
            call make_members(now, mean, wind, member, member)
         end do
      else
         call make_members(now, mean, wind, 1, members)
      end if
   end subroutine make_fine

   !> The random numbers of a cell follow from seed, member, hour and the number of the cell, not from what was drawn before.
   subroutine make_members(now, mean, wind, first, last)
      integer, intent(in) :: now, first, last
      real(real64), intent(in) :: mean(coarse, coarse), wind(2)
      real(real64) :: noise(noises, n**2, first:last)
      integer :: member, each
      associate (count => last - first + 1)
         do member = first, last
            call torch_noise_normal(noise(:, :, member), seed=noise_seed, member=member, step=now, columns=[(each, each=1, n**2)])
         end do
         call network_rain(spread(mean, 3, count), spread(wind, 2, count), height, &
                           reshape(noise, [noises, n, n, count]), ensemble(:, :, first:last))
      end associate
   end subroutine make_members

   subroutine open_history(out, path)
      type(history_file), intent(inout) :: out
      character(len=*), intent(in) :: path
      integer :: i
      call out%create(path, 'Rain over mountains, made fine by '//trim(scheme))
      call out%axis('x', 'm', [((i - 0.5_real64) * cell, i=1, n)])
      call out%axis('y', 'm', [((i - 0.5_real64) * cell, i=1, n)])
      call out%axis('coarse_x', 'm', [((i - 0.5_real64) * cell * ratio, i=1, coarse)])
      call out%axis('coarse_y', 'm', [((i - 0.5_real64) * cell * ratio, i=1, coarse)])
      call out%axis('cell', '1', [(real(i, real64), i=1, n**2)])
      call out%axis('direction', '1', [1.0_real64, 2.0_real64])
      call out%axis('member', '1', [(real(i, real64), i=1, members)])
      call out%variable('hour', 'h', 'hour of the run')
      call out%variable('height', 'm', 'height of the ground', ['x', 'y'])
      call out%variable('wind', 'm s-1', 'to the east and to the north', ['direction'])
      call out%variable('rain', 'mm h-1', 'the truth', ['x', 'y'])
      call out%variable('coarse', 'mm h-1', 'its means over coarse cells', ['coarse_x', 'coarse_y'])
      call out%variable('ensemble', 'mm h-1', 'made fine from them again', ['cell  ', 'member'])
   end subroutine open_history

   subroutine write_restart()
      type(history_file) :: out
      integer :: i
      call out%create(trim(restart), 'Rain over mountains, to be continued')
      call out%axis('k', '1', [(real(i, real64), i=1, n)])
      call out%axis('l', '1', [(real(i, real64), i=1, n)])
      call out%axis('number', '1', [(real(i, real64), i=1, size(above%large))])
      call out%variable('hour', 'h', 'hour of the run')
      call out%variable('random_state', '1', 'state of the random numbers')
      call out%variable('large', '1', 'wind, vapour, front', ['number'])
      call out%variable('field_real', '1', 'waves of the showers', ['k', 'l'])
      call out%variable('field_imaginary', '1', 'waves of the showers', ['k', 'l'])
      call out%record(hour / 24)
      call out%put('hour', hour)
      call out%put('random_state', above%state)
      call out%put('large', above%large)
      call out%put('field_real', real(above%field))
      call out%put('field_imaginary', aimag(above%field))
      call out%close()
   end subroutine write_restart

   subroutine read_restart()
      real(real64) :: part(n, n, 2)
      call read_last(trim(start), 'hour', hour)
      call read_last(trim(start), 'random_state', above%state)
      call read_last(trim(start), 'large', above%large)
      call read_last(trim(start), 'field_real', part(:, :, 1))
      call read_last(trim(start), 'field_imaginary', part(:, :, 2))
      above%field = cmplx(part(:, :, 1), part(:, :, 2), real64)
   end subroutine read_restart

   subroutine read_namelist()
      character(len=256) :: path, message
      integer :: unit, status
      call get_command_argument(1, path)
      if (path == '') error stop 'usage: downscaling run.nml'
      open (newunit=unit, file=path, status='old', action='read', iostat=status, iomsg=message)
      if (status == 0) read (unit, nml=run, iostat=status, iomsg=message)
      if (status == 0) close (unit)
      if (status == 0 .and. all(scheme /= [character(len=16) :: 'bilinear', 'network'])) then
         status = 1
         message = "scheme is none of 'bilinear', 'network': "//scheme
      end if
      if (status == 0 .and. (members < 1 .or. members > most_members)) then
         status = 1
         write (message, '(2(a, i0))') 'members is ', members, '; it can be 1 to ', most_members
      end if
      if (status /= 0) then
         write (error_unit, '(4a)') 'downscaling: ', trim(path), ': ', trim(message)
         stop 1, quiet=.true.
      end if
   end subroutine read_namelist

end program downscaling
