!> Storms in columns of air, thousands at once: `elsewhere run.nml`.
!>
!> How vapour becomes cloud and cloud rain is said by Kessler's scheme, by a network that has learnt it, or by a guarded network:
!> `scheme` in the namelist is 'kessler', 'network', 'guarded', 'both' (the scheme, and the network asked beside it) or 'none'.
!> `layers`, `lowest`, `growth` and `warming` move all this to other levels and to another climate.
program elsewhere
   use, intrinsic :: iso_c_binding, only: c_bool
   use, intrinsic :: iso_fortran_env, only: error_unit, int64, output_unit, real64
   use draws, only: draw
   use fallback, only: own_scheme
   use history, only: history_file, read_last
   use kessler, only: make_rain, saturation
   use storms, only: air, carry, dt, fall, first_theta, first_vapour, set_up
   use storm_network, only: finalize, guard_counts, guard_report, init, n_guarded, network_rain => run, &
      guarded_rain => run_guarded
   implicit none (type, external)

   real(real64), parameter :: lifetime = 900               !< s, in which an updraft comes and goes
   real(real64), parameter :: pi = acos(-1.0_real64)
   real(real64), parameter :: trace = 1e-9_real64          !< kg/kg of cloud or rain, below which there is nothing to do
   integer, parameter :: kinds = 4                         !< what the air has: potential temperature, vapour, cloud, rain

   ! What the namelist can say.
   character(len=16) :: scheme = 'kessler'
   character(len=256) :: network = '', start = '', output = 'history.nc', restart = ''
   integer :: steps = 210, steps_between_records = 210
   integer :: n_storms = 1000
   integer :: layers = 36
   real(real64) :: lowest = 130, growth = 1                !< m; how much thicker each layer is than the one below
   real(real64) :: warming = 0                             !< K
   real(real64) :: weakest = 0.8_real64, beyond = 0.7_real64   !< m s-1: the updrafts, and how far they exceed that on average
   real(real64) :: seed = 1
   logical :: samples = .false.                            !< also write what goes into the scheme and what comes out
   namelist /run/ scheme, network, start, output, restart, steps, steps_between_records, n_storms, layers, lowest, growth, &
      warming, weakest, beyond, seed, samples

   type(air) :: a
   real(real64), allocatable :: q(:, :, :)                 !< layer, storm, kind
   real(real64), allocatable :: below(:, :)                !< storm, kind: the air that comes in
   real(real64), allocatable :: updraft(:), rained(:)      !< m s-1, kg m-2
   real(real64), allocatable :: asked(:, :), fallbacks(:, :)   !< layer, storm: steps with moist air, and those of the scheme
   real(real64), allocatable :: before(:, :), after(:, :)  !< piece of air, kind: into the scheme and out of it; first temperature
   real(real64), allocatable :: pressure(:)                !< Pa, of the same pieces
   logical(c_bool), allocatable :: far(:)                  !< what the network says of them: not like those that it has learnt
   real(real64) :: beyond_range(n_guarded, 2) = 0          !< values below and above the ranges, before this run
   real(real64) :: errors(3, 4) = 0                        !< inside, out of range, far: pieces; squares of changes, errors, guarded
   real(real64) :: book(4) = 0                             !< kg m-2 of water: at first, came in, left, rained
   real(real64) :: now = 0, draws_state

   call read_namelist()
   if (any(scheme == [character(len=16) :: 'network', 'guarded', 'both'])) call init(trim(network))
   call set_up(a, layers, lowest, growth, warming)
   call begin()
   call time_steps()
   if (network /= '') then
      call guard_report(output_unit)
      call finalize()
   end if

contains

   subroutine begin()
      real(real64) :: number
      integer :: i
      allocate (q(layers, n_storms, kinds), below(n_storms, kinds), updraft(n_storms), rained(n_storms), &
                asked(layers, n_storms), fallbacks(layers, n_storms))
      draws_state = seed
      do i = 1, 10   ! the first numbers after a small seed are small
         call draw(draws_state, number)
      end do
      call draw_storms()
      rained = 0
      asked = 0
      fallbacks = 0
      if (start == '') then
         book(1) = water()
         return
      end if
      call read_last(trim(start), 'theta', q(:, :, 1))
      call read_last(trim(start), 'vapour', q(:, :, 2))
      call read_last(trim(start), 'cloud', q(:, :, 3))
      call read_last(trim(start), 'rain', q(:, :, 4))
      call read_last(trim(start), 'rained', rained)
      call read_last(trim(start), 'asked', asked)
      call read_last(trim(start), 'fallbacks', fallbacks)
      call read_last(trim(start), 'below', beyond_range(:, 1))
      call read_last(trim(start), 'above', beyond_range(:, 2))
      call read_last(trim(start), 'errors', errors)
      call read_last(trim(start), 'book', book)
      call read_last(trim(start), 'step', now)
   end subroutine begin

   !> Each storm has an updraft, exponentially distributed, and a moisture of its own; a warmer climate has the same relative one.
   subroutine draw_storms()
      real(real64) :: strength, moisture
      integer :: i, k
      do i = 1, n_storms
         call draw(draws_state, strength)
         call draw(draws_state, moisture)
         updraft(i) = weakest - beyond * log((1 + strength) / 2)
         do k = 0, layers
            associate (usual => first_theta(merge(0.0_real64, a%z(max(k, 1)), k == 0)), &
                       vapour => first_vapour(merge(0.0_real64, a%z(max(k, 1)), k == 0)), layer => max(k, 1))
               associate (more => saturation((usual + warming) * a%exner(layer), a%pressure(layer)) &
                                  / saturation(usual * a%exner(layer), a%pressure(layer)), wet => 1 + 0.08_real64 * moisture)
                  if (k == 0) below(i, :) = [usual + warming, vapour * more * wet, 0.0_real64, 0.0_real64]
                  if (k > 0) q(k, i, :) = [usual + warming, vapour * more * wet, 0.0_real64, 0.0_real64]
               end associate
            end associate
         end do
      end do
   end subroutine draw_storms

   subroutine time_steps()
      type(history_file) :: out
      real(real64) :: mass(n_storms), left(n_storms), ground(n_storms)
      integer :: step, kind
      call open_history(out, trim(output))
      do step = nint(now) + 1, nint(now) + steps
         if ((step - 0.5_real64) * dt < lifetime) then
            mass = a%density(1) * updraft * sin(pi * (step - 0.5_real64) * dt / lifetime) * dt
            do kind = 1, kinds
               call carry(a, q(:, :, kind), mass, below(:, kind), left)
               if (kind == 1) cycle
               book(2) = book(2) + sum(mass * below(:, kind))
               book(3) = book(3) + sum(left)
            end do
         end if
         if (scheme /= 'none') call microphysics()
         call fall(a, q(:, :, 4), dt, ground)
         rained = rained + ground
         book(4) = book(4) + sum(ground)
         if (mod(step, steps_between_records) == 0) call write_record(out, step)
         if (.not. all(abs(q(:, :, 1) - 320) < 200)) then
            write (output_unit, '(a, i0)') 'elsewhere: the run has left this world in step ', step
            exit
         end if
      end do
      call out%close()
      if (restart == '') return
      call open_history(out, trim(restart))
      call write_record(out, nint(now) + steps)
      call out%close()
   end subroutine time_steps

   !> The scheme or the network, for the pieces of air that have something to do: those with cloud or rain, and supersaturated ones.
   subroutine microphysics()
      logical :: moist(layers, n_storms)
      real(real64), allocatable :: given(:, :), with_guard(:, :)
      integer, allocatable :: fell(:)
      logical, allocatable :: new(:)
      integer :: kind
      associate (exner => spread(a%exner, 2, n_storms), pressures => spread(a%pressure, 2, n_storms))
         moist = q(:, :, 3) > trace .or. q(:, :, 4) > trace .or. q(:, :, 2) > saturation(q(:, :, 1) * exner, pressures)
         pressure = pack(pressures, moist)
         before = reshape([pack(q(:, :, 1) * exner, moist), (pack(q(:, :, kind), moist), kind=2, kinds)], &
                          [size(pressure), kinds])
         asked = asked + merge(1, 0, moist)
         after = before
         allocate (fell(size(pressure)), source=0)
         if (allocated(far)) deallocate (far)
         allocate (far(size(pressure)))
         if (size(pressure) > 0) then
            select case (scheme)
            case ('network')
               call ask_network(after)
            case ('guarded')
               call ask_guarded(after, fell)
            case default
               call make_rain(after(:, 1), pressure, after(:, 2), after(:, 3), after(:, 4), dt)
            end select
            if (scheme == 'both') then
               given = before
               with_guard = before
               far = .false.
               call ask_guarded(with_guard, fell)   ! now far is true where the network was asked, and says so
               new = far
               call ask_network(given)
               associate (error => given(:, 4) - after(:, 4), guarded => with_guard(:, 4) - after(:, 4))
                  call compare(fell == 0, error, guarded, 1)
                  call compare(fell /= 0 .and. .not. new, error, guarded, 2)
                  call compare(fell /= 0 .and. new, error, guarded, 3)
               end associate
            end if
         end if
         fallbacks = fallbacks + unpack(real(fell, real64), moist, 0.0_real64)
         q(:, :, 1) = unpack(after(:, 1), moist, q(:, :, 1) * exner) / exner
      end associate
      do kind = 2, kinds
         q(:, :, kind) = unpack(after(:, kind), moist, q(:, :, kind))
      end do
   end subroutine microphysics

   subroutine ask_network(state)
      real(real64), intent(inout) :: state(:, :)
      call network_rain(before(:, 1), pressure, before(:, 2), before(:, 3), before(:, 4), &
                        state(:, 1), state(:, 2), state(:, 3), state(:, 4), far)
   end subroutine ask_network

   subroutine ask_guarded(state, fell)
      real(real64), intent(inout) :: state(:, :)
      integer, intent(inout) :: fell(:)
      call guarded_rain(before(:, 1), pressure, before(:, 2), before(:, 3), before(:, 4), &
                        state(:, 1), state(:, 2), state(:, 3), state(:, 4), far, own_scheme, fell)
   end subroutine ask_guarded

   !> Adds up what the network makes of the rain, and what the guarded one does, where the scheme is in charge.
   subroutine compare(here, error, error_with_guard, side)
      logical, intent(in) :: here(:)
      real(real64), intent(in) :: error(:), error_with_guard(:)
      integer, intent(in) :: side
      errors(side, :) = errors(side, :) + [real(count(here), real64), sum((after(:, 4) - before(:, 4))**2, mask=here), &
                                           sum(error**2, mask=here), sum(error_with_guard**2, mask=here)]
   end subroutine compare

   !> kg m-2, of all storms.
   real(real64) function water()
      water = sum(spread(a%density * a%thickness, 2, n_storms) * sum(q(:, :, 2:), dim=3))
   end function water

   subroutine open_history(out, path)
      type(history_file), intent(inout) :: out
      character(len=*), intent(in) :: path
      integer :: i
      call out%create(path, 'Storms, by '//trim(scheme))
      call out%axis('z', 'm', a%z)
      call out%axis('pressure', 'Pa', a%pressure)
      call out%axis('mass', 'kg m-2', a%density * a%thickness)
      call out%axis('storm', '1', [(real(i, real64), i=1, n_storms)])
      call out%axis('updraft_of', 'm s-1', updraft)
      call out%axis('input', '1', [(real(i, real64), i=1, n_guarded)])
      call out%axis('side', '1', [1.0_real64, 2.0_real64, 3.0_real64])
      call out%axis('sum', '1', [(real(i, real64), i=1, 4)])
      call out%variable('theta', 'K', 'potential temperature', ['z    ', 'storm'])
      call out%variable('vapour', 'kg kg-1', 'water vapour', ['z    ', 'storm'])
      call out%variable('cloud', 'kg kg-1', 'cloud water', ['z    ', 'storm'])
      call out%variable('rain', 'kg kg-1', 'rain water', ['z    ', 'storm'])
      call out%variable('rained', 'kg m-2', 'rain on the ground since the start', ['storm'])
      call out%variable('asked', '1', 'steps in which the air had something to do', ['z    ', 'storm'])
      call out%variable('fallbacks', '1', 'steps in which the scheme took over from the network', ['z    ', 'storm'])
      call out%variable('below', '1', 'values below the range of the training', ['input'])
      call out%variable('above', '1', 'values above the range of the training', ['input'])
      call out%variable('errors', '1', 'pieces of air; squares of the change of rain and of its errors', ['side', 'sum '])
      call out%variable('book', 'kg m-2', 'water at first, that came in, that left, that rained', ['sum'])
      call out%variable('water_left', '1', 'water that nobody can explain, as a share of all')
      call out%variable('step', '1', 'time step')
      if (.not. samples) return
      call out%axis('piece', '1', [(real(i, real64), i=1, 2 * layers * n_storms)])
      call out%axis('of', '1', [(real(i, real64), i=1, kinds + 1)])
      call out%variable('given', '1', 'temperature, pressure, vapour, cloud and rain before the scheme', ['piece', 'of   '])
      call out%variable('made', '1', 'and after it', ['piece', 'of   '])
   end subroutine open_history

   subroutine write_record(out, step)
      type(history_file), intent(inout) :: out
      integer, intent(in) :: step
      integer(int64) :: values(n_guarded), low(n_guarded), high(n_guarded)
      call guard_counts(values, below=low, above=high)
      call out%record(step * dt / 86400)
      call out%put('theta', q(:, :, 1))
      call out%put('vapour', q(:, :, 2))
      call out%put('cloud', q(:, :, 3))
      call out%put('rain', q(:, :, 4))
      call out%put('rained', rained)
      call out%put('asked', asked)
      call out%put('fallbacks', fallbacks)
      call out%put('below', beyond_range(:, 1) + low)
      call out%put('above', beyond_range(:, 2) + high)
      call out%put('errors', errors)
      call out%put('book', book)
      call out%put('water_left', (water() - book(1) - book(2) + book(3) + book(4)) / book(1))
      call out%put('step', real(step, real64))
      if (samples) call write_samples(out)
   end subroutine write_record

   !> What the scheme was asked in this step, and beside each piece of air another one like it; zero where there was none.
   subroutine write_samples(out)
      type(history_file), intent(inout) :: out
      real(real64) :: given(2 * layers * n_storms, kinds + 1), made(2 * layers * n_storms, kinds + 1), off(4)
      integer :: i, j, n
      given = 0
      n = size(before, 1)
      do i = 1, n
         given(i, :) = [before(i, 1), pressure(i), before(i, 2:)]
         do j = 1, 4
            call draw(draws_state, off(j))
         end do
         given(n + i, :) = [before(i, 1) + 0.5_real64 * off(1), pressure(i), before(i, 2) * (1 + 0.05_real64 * off(2)), &
                            before(i, 3) * (1 + off(3)), before(i, 4) * (1 + off(4))]
      end do
      made = given
      call make_rain(made(:2 * n, 1), made(:2 * n, 2), made(:2 * n, 3), made(:2 * n, 4), made(:2 * n, 5), dt)
      call out%put('given', given)
      call out%put('made', made)
   end subroutine write_samples

   subroutine read_namelist()
      character(len=256) :: path, message
      integer :: unit, status
      call get_command_argument(1, path)
      if (path == '') error stop 'usage: elsewhere run.nml'
      open (newunit=unit, file=path, status='old', action='read', iostat=status, iomsg=message)
      if (status == 0) read (unit, nml=run, iostat=status, iomsg=message)
      if (status == 0) close (unit)
      if (status == 0 .and. all(scheme /= [character(len=16) :: 'kessler', 'network', 'guarded', 'both', 'none'])) then
         status = 1
         message = "scheme is none of 'kessler', 'network', 'guarded', 'both', 'none': "//scheme
      end if
      if (status == 0 .and. (layers < 3 .or. n_storms < 1 .or. lowest < 20 .or. growth < 1)) then
         status = 1
         message = 'needed: layers of 3 or more, n_storms of 1 or more, lowest of 20 m or more, growth of 1 or more'
      end if
      if (status /= 0) then
         write (error_unit, '(4a)') 'elsewhere: ', trim(path), ': ', trim(message)
         stop 1, quiet=.true.
      end if
   end subroutine read_namelist

end program elsewhere
