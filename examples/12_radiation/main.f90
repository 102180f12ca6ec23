!> Columns of air that come into equilibrium with radiation and convection: `radiation run.nml`.
!>
!> Radiation is computed by the solver or by a network that has learnt it: `scheme` in the namelist is 'twostream', 'network', or
!> 'both' (the solver heats, the network is asked and written beside it). `columns_from` is 'climates', or 'anything', which
!> is what networks learn from.
program radiation
   use, intrinsic :: iso_fortran_env, only: error_unit, int64, output_unit, real64
   use column, only: convect, gravity, half_levels, heat, ozone_of, slab, sun_constant, surface, vapour_of
   use draws, only: draw
   use history, only: history_file, read_last
   use radiation_network, only: finalize, guard_report, init, network_fluxes => run
   use spectrum, only: prepare
   use twostream, only: fluxes, radiate
   implicit none (type, external)

   real(real64), parameter :: day = 86400
   real(real64), parameter :: pi = acos(-1.0_real64)
   character(len=*), parameter :: flux_names(5) = [character(len=10) :: 'long_down', 'long_up', 'direct', 'short_down', 'short_up']

   ! What the namelist can say.
   character(len=16) :: scheme = 'twostream', columns_from = 'climates'
   character(len=256) :: network = '', start = '', output = 'history.nc', restart = ''
   integer :: levels = 40, columns = 12, steps = 2400, steps_between_records = 200, seed = 1
   real(real64) :: step_days = 0.25_real64
   real(real64) :: more_co2 = 1                     !< factor
   logical :: other_layers = .false.                !< the layers of 'anything' lie elsewhere in each column
   namelist /run/ scheme, columns_from, network, start, output, restart, levels, columns, steps, steps_between_records, seed, &
      step_days, more_co2, other_layers

   ! The columns: (layer, column), or (column).
   real(real64), allocatable, dimension(:, :) :: t, vapour, ozone, cloud, pressure, thickness, half
   real(real64), allocatable, dimension(:) :: ground, albedo, height_of_sun, sun, co2, humidity, books
   ! Fluxes between layers, W m-2: (half level, column, one of five), of the solver and of the network.
   real(real64), allocatable :: solved(:, :, :), emulated(:, :, :), driving(:, :, :)
   integer(int64) :: ticks(2)                       !< time in the solver and in the network
   integer :: step, first

   call read_namelist()
   call prepare()
   if (scheme /= 'twostream') call init(trim(network))
   call set_up()
   call time_steps()
   if (scheme /= 'twostream') then
      call guard_report(output_unit)
      call finalize()
   end if

contains

   subroutine set_up()
      real(real64) :: state, number, crowded
      integer :: i
      allocate (t(levels, columns), vapour(levels, columns), ozone(levels, columns), cloud(levels, columns))
      allocate (pressure(levels, columns), thickness(levels, columns))
      allocate (ground(columns), albedo(columns), height_of_sun(columns), sun(columns), co2(columns), humidity(columns))
      allocate (solved(levels + 1, columns, 5), emulated(levels + 1, columns, 5), driving(levels + 1, columns, 5), books(columns))
      allocate (half(levels + 1, columns))
      state = seed
      do i = 1, 20                                  ! neighbouring seeds begin alike
         call draw(state, number)
      end do
      do i = 1, columns
         crowded = 1
         if (other_layers) crowded = between(state, 0.8_real64, 1.4_real64)
         half(:, i) = half_levels(levels, crowded)
         pressure(:, i) = (half(:levels, i) + half(2:, i)) / 2
         thickness(:, i) = half(2:, i) - half(:levels, i)
         select case (columns_from)
         case ('climates')
            call a_climate(state, i)
         case default
            call anything(state, i)
         end select
      end do
      co2 = co2 * more_co2
      solved = 0
      emulated = 0
      books = 0
      ticks = 0
      first = 0
      if (start == '') return
      call read_last(trim(start), 't', t)
      call read_last(trim(start), 'ground', ground)
      call read_last(trim(start), 'books', books)
      call read_last(trim(start), 'step', number)
      first = nint(number)
   end subroutine set_up

   !> A place on Earth: every second one has a cloud.
   subroutine a_climate(state, i)
      real(real64), intent(inout) :: state
      integer, intent(in) :: i
      real(real64) :: from
      sun(i) = sun_constant / 4 * between(state, 0.8_real64, 1.1_real64)
      height_of_sun(i) = 2 * sun(i) / sun_constant      ! half of the day
      albedo(i) = between(state, 0.05_real64, 0.25_real64)
      humidity(i) = between(state, 0.6_real64, 0.9_real64)
      co2(i) = 300
      ozone(:, i) = ozone_of(pressure(:, i))
      t(:, i) = max(280 * (pressure(:, i) / surface)**0.19_real64, 210.0_real64)
      ground(i) = 280
      from = between(state, 0.3_real64, 0.8_real64) * surface
      cloud(:, i) = 0
      if (mod(i, 2) == 0) call add_cloud(i, from, 1e4_real64, between(state, 0.005_real64, 0.04_real64))
      vapour(:, i) = vapour_of(t(:, i), pressure(:, i), humidity(i))
   end subroutine a_climate

   !> What may be, and what hardly is: a network that has seen it will not be surprised.
   subroutine anything(state, i)
      real(real64), intent(inout) :: state
      integer, intent(in) :: i
      real(real64) :: lapse, tropopause, trend, size, shift, wet
      integer :: k, wave, layer
      ground(i) = between(state, 225.0_real64, 325.0_real64)
      lapse = between(state, 0.1_real64, 0.24_real64)           ! d ln T / d ln p
      tropopause = between(state, 180.0_real64, 230.0_real64)
      trend = between(state, -5.0_real64, 15.0_real64)
      t(:, i) = max((ground(i) + between(state, -4.0_real64, 3.0_real64)) * (pressure(:, i) / surface)**lapse, tropopause)
      where (pressure(:, i) < 1e4_real64) t(:, i) = t(:, i) + trend * log(1e4_real64 / pressure(:, i))
      wet = between(state, 0.05_real64, 1.1_real64)
      humidity(i) = wet
      vapour(:, i) = vapour_of(t(:, i), pressure(:, i), wet)
      ozone(:, i) = ozone_of(pressure(:, i)) * between(state, 0.4_real64, 1.6_real64)
      do wave = 1, 6
         size = between(state, -2.0_real64, 2.0_real64)
         shift = between(state, 0.0_real64, 2.0_real64)
         do k = 1, levels
            associate (wiggle => sin(pi * (wave * pressure(k, i) / surface * 2 + shift)))
               t(k, i) = t(k, i) + size * wiggle
               vapour(k, i) = vapour(k, i) * exp(0.2_real64 * size * wiggle)
            end associate
         end do
      end do
      t(:, i) = min(max(t(:, i), 150.0_real64), 330.0_real64)
      vapour(:, i) = min(vapour(:, i), 0.05_real64)
      albedo(i) = between(state, 0.03_real64, 0.8_real64)
      height_of_sun(i) = between(state, 0.05_real64, 1.0_real64)
      sun(i) = sun_constant * height_of_sun(i)
      co2(i) = 300 * exp(between(state, -1.0_real64, 1.7_real64))
      cloud(:, i) = 0
      do layer = 1, int(between(state, 0.0_real64, 2.99_real64))
         shift = between(state, 0.15_real64, 0.9_real64) * surface
         size = between(state, 3e3_real64, 2e4_real64)
         call add_cloud(i, shift, size, exp(between(state, log(2e-3_real64), log(0.3_real64))))
      end do
   end subroutine anything

   !> Cloud water of so many kg m-2, from a pressure downward.
   subroutine add_cloud(i, from, deep, water)
      integer, intent(in) :: i
      real(real64), intent(in) :: from, deep, water
      real(real64) :: inside(levels)
      inside = max(0.0_real64, min(half(2:, i), from + deep) - max(half(:levels, i), from))
      cloud(:, i) = cloud(:, i) + water * inside / sum(inside) * gravity / thickness(:, i)
   end subroutine add_cloud

   real(real64) function between(state, low, high)
      real(real64), intent(inout) :: state
      real(real64), intent(in) :: low, high
      real(real64) :: number
      call draw(state, number)
      between = low + (high - low) * (number + 1) / 2
   end function between

   subroutine time_steps()
      type(history_file) :: out
      real(real64), dimension(levels, columns) :: warming
      real(real64), dimension(levels + 1, columns) :: net
      integer :: i
      call open_history(out, trim(output))
      do step = first + 1, first + steps
         if (columns_from == 'climates') then
            do i = 1, columns
               vapour(:, i) = vapour_of(t(:, i), pressure(:, i), humidity(i))
            end do
         end if
         if (scheme /= 'network') call solve()
         if (scheme /= 'twostream') call emulate()
         driving = merge(emulated, solved, scheme == 'network')
         net = driving(:, :, 1) - driving(:, :, 2) + driving(:, :, 4) - driving(:, :, 5)      ! downward
         warming = gravity / heat * (net(:levels, :) - net(2:, :)) / thickness               ! K s-1
         if (mod(step, steps_between_records) == 0) call write_record(out)
         t = t + step_days * day * warming
         ground = ground + step_days * day * net(levels + 1, :) / slab
         do i = 1, columns
            call convect(t(:, i), ground(i), half(:, i))
         end do
         ! What came in from space, minus the heat that the columns have.
         books = books + step_days * day * net(1, :)
         if (.not. all(t > 100 .and. t < 400)) then
            write (output_unit, '(a, i0)') 'radiation: the columns have left this world in step ', step
            exit
         end if
      end do
      call out%close()
      if (restart == '') return
      call open_history(out, trim(restart))
      step = first + steps
      call write_state(out)
      call out%close()
   end subroutine time_steps

   subroutine solve()
      type(fluxes) :: f
      integer(int64) :: begun, ended
      integer :: i
      call system_clock(begun)
      do i = 1, columns
         call radiate(half(:, i), t(:, i), vapour(:, i), ozone(:, i), cloud(:, i), ground(i), albedo(i), height_of_sun(i), sun(i), &
                      co2(i), f)
         solved(:, i, 1) = f%long_down
         solved(:, i, 2) = f%long_up
         solved(:, i, 3) = f%direct
         solved(:, i, 4) = f%short_down
         solved(:, i, 5) = f%short_up
      end do
      call system_clock(ended)
      ticks(1) = ticks(1) + ended - begun
   end subroutine solve

   subroutine emulate()
      integer(int64) :: begun, ended
      call system_clock(begun)
      call network_fluxes(t, vapour, ozone, cloud, pressure, thickness, ground, albedo, height_of_sun, sun, co2, &
                          emulated(:, :, 1), emulated(:, :, 2), emulated(:, :, 3), emulated(:, :, 4), emulated(:, :, 5))
      call system_clock(ended)
      ticks(2) = ticks(2) + ended - begun
   end subroutine emulate

   real(real64) function heat_of(i)
      integer, intent(in) :: i
      heat_of = slab * ground(i) + sum(heat * thickness(:, i) / gravity * t(:, i))
   end function heat_of

   subroutine open_history(out, path)
      type(history_file), intent(inout) :: out
      character(len=*), intent(in) :: path
      integer :: i
      call out%create(path, 'Columns of air, heated by '//trim(scheme))
      call out%axis('level', 'Pa', pressure(:, 1))
      call out%axis('half', 'Pa', half(:, 1))
      call out%axis('column', '1', [(real(i, real64), i=1, columns)])
      call out%axis('of', '1', [1.0_real64, 2.0_real64])
      call out%variable('step', '1', 'time step')
      call out%variable('t', 'K', 'temperature', [character(len=6) :: 'level', 'column'])
      call out%variable('ground', 'K', 'temperature of the surface', ['column'])
      call out%variable('books', 'J m-2', 'radiation that came in from space since the start', ['column'])
      if (path == trim(restart)) return
      call out%variable('heat', 'J m-2', 'heat of air and surface', ['column'])
      call out%variable('vapour', 'kg kg-1', 'water vapour', [character(len=6) :: 'level', 'column'])
      call out%variable('ozone', 'kg kg-1', 'ozone', [character(len=6) :: 'level', 'column'])
      call out%variable('cloud', 'kg kg-1', 'cloud water', [character(len=6) :: 'level', 'column'])
      call out%variable('pressure', 'Pa', 'pressure', [character(len=6) :: 'level', 'column'])
      call out%variable('thickness', 'Pa', 'pressure from top to bottom of a layer', [character(len=6) :: 'level', 'column'])
      call out%variable('albedo', '1', 'albedo of the surface', ['column'])
      call out%variable('height_of_sun', '1', 'cosine of the zenith angle', ['column'])
      call out%variable('sun', 'W m-2', 'sunlight at the top', ['column'])
      call out%variable('co2', '1e-6', 'carbon dioxide, by volume', ['column'])
      call out%variable('microseconds', '1e-6 s', 'time for a column, of the solver and of the network', ['of'])
      do i = 1, 5
         if (scheme /= 'network') call out%variable(trim(flux_names(i)), 'W m-2', 'flux by the solver', &
                                                    [character(len=6) :: 'half', 'column'])
         if (scheme /= 'twostream') call out%variable('network_'//trim(flux_names(i)), 'W m-2', 'flux by the network', &
                                                      [character(len=6) :: 'half', 'column'])
      end do
   end subroutine open_history

   subroutine write_record(out)
      type(history_file), intent(inout) :: out
      integer(int64) :: rate
      integer :: i
      call system_clock(count_rate=rate)
      call write_state(out)
      call out%put('heat', [(heat_of(i), i=1, columns)])
      call out%put('vapour', vapour)
      call out%put('ozone', ozone)
      call out%put('cloud', cloud)
      call out%put('pressure', pressure)
      call out%put('thickness', thickness)
      call out%put('albedo', albedo)
      call out%put('height_of_sun', height_of_sun)
      call out%put('sun', sun)
      call out%put('co2', co2)
      call out%put('microseconds', 1e6_real64 * ticks / (real(rate, real64) * columns * (step - first)))
      do i = 1, 5
         if (scheme /= 'network') call out%put(trim(flux_names(i)), solved(:, :, i))
         if (scheme /= 'twostream') call out%put('network_'//trim(flux_names(i)), emulated(:, :, i))
      end do
   end subroutine write_record

   subroutine write_state(out)
      type(history_file), intent(inout) :: out
      call out%record(step * step_days)
      call out%put('step', real(step, real64))
      call out%put('t', t)
      call out%put('ground', ground)
      call out%put('books', books)
   end subroutine write_state

   subroutine read_namelist()
      character(len=256) :: path, message
      integer :: unit, status
      call get_command_argument(1, path)
      if (path == '') error stop 'usage: radiation run.nml'
      open (newunit=unit, file=path, status='old', action='read', iostat=status, iomsg=message)
      if (status == 0) read (unit, nml=run, iostat=status, iomsg=message)
      if (status == 0) close (unit)
      if (status == 0) then
         message = ''
         if (all(scheme /= [character(len=16) :: 'twostream', 'network', 'both'])) then
            message = "scheme is none of 'twostream', 'network', 'both': "//scheme
         else if (all(columns_from /= [character(len=16) :: 'climates', 'anything'])) then
            message = "columns_from is none of 'climates', 'anything': "//columns_from
         else if (levels < 5) then
            write (message, '(a, i0, a)') 'levels is ', levels, '; there must be five'
         else if (columns < 1) then
            write (message, '(a, i0, a)') 'columns is ', columns, '; there must be one'
         end if
         if (message /= '') status = 1
      end if
      if (status /= 0) then
         write (error_unit, '(4a)') 'radiation: ', trim(path), ': ', trim(message)
         stop 1, quiet=.true.
      end if
   end subroutine read_namelist

end program radiation
