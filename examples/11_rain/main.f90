!> Clouds and rain in an eddy: `rain run.nml`.
!>
!> What the air carries is moved by the host; how vapour becomes cloud and cloud rain is said by Kessler's scheme or by a network
!> that has learnt it: `scheme` in the namelist is 'kessler' or 'network'.
program rain_in_an_eddy
   use, intrinsic :: iso_fortran_env, only: error_unit, output_unit, real64
   use books, only: book
   use draws, only: draw
   use eddy, only: air, carry, cell, fall, nx, nz, set_up
   use history, only: history_file, read_last
   use kessler, only: heat, latent, make_rain
   use rain_network, only: finalize, guard_report, init, network_rain => run
   implicit none (type, external)

   integer, parameter :: n = nx * nz
   real(real64), parameter :: dt = 10                     !< s
   real(real64), parameter :: turn = 2 * acos(-1.0_real64), pulse = 3600   !< s, in which the eddy is faster and slower once
   real(real64), parameter :: usual_theta = 289, hold = 1800   !< K; s, in which the climate is brought back to what it was

   ! What the namelist can say.
   character(len=16) :: scheme = 'kessler'
   character(len=256) :: network = '', start = '', output = 'history.nc', restart = ''
   integer :: steps = 10000, steps_between_records = 100
   real(real64) :: updraft = 0.7_real64      !< m s-1
   real(real64) :: moisture = 9.0e-3_real64  !< kg/kg
   logical :: samples = .false.              !< also write what goes into the scheme and what comes out, and other states beside
   namelist /run/ scheme, network, start, output, restart, steps, steps_between_records, updraft, moisture, samples

   type(air) :: a
   type(book) :: accounts
   real(real64) :: theta(nx, nz), vapour(nx, nz), cloud(nx, nz), rain(nx, nz)
   real(real64) :: before(n, 4), after(n, 4)              ! temperature, vapour, cloud, rain
   real(real64) :: now, draws_state

   call read_namelist()
   if (scheme == 'network') call init(trim(network))
   call set_up(a, updraft)
   call begin()
   call time_steps()
   if (scheme == 'network') then
      call guard_report(output_unit)
      call finalize()
   end if

contains

   subroutine begin()
      real(real64) :: kept(7)
      draws_state = 1
      if (start == '') then
         theta = usual_theta
         vapour = moisture
         cloud = 0
         rain = 0
         now = 0
         call accounts%open(a, theta * spread(a%exner, 1, nx), vapour)
      else
         call read_last(trim(start), 'theta', theta)
         call read_last(trim(start), 'vapour', vapour)
         call read_last(trim(start), 'cloud', cloud)
         call read_last(trim(start), 'rain', rain)
         call read_last(trim(start), 'accounts', kept)
         call read_last(trim(start), 'step', now)
         accounts%water_at_first = kept(1)
         accounts%heat_at_first = kept(2)
         accounts%water_added = kept(3)
         accounts%water_rained = kept(4)
         accounts%heat_made = kept(5)
         accounts%negative_rain = kept(6)
         accounts%negative_cloud = kept(7)
      end if
   end subroutine begin

   subroutine time_steps()
      type(history_file) :: out
      real(real64) :: beat
      integer :: step
      call open_history(out, trim(output))
      do step = nint(now) + 1, nint(now) + steps
         beat = dt * (1 + 0.5_real64 * sin(turn * step * dt / pulse))   ! the eddy turns faster and slower
         call carry(a, theta, beat)
         call carry(a, vapour, beat)
         call carry(a, cloud, beat)
         call carry(a, rain, beat)
         call hold_climate()
         call microphysics()
         call let_fall()
         if (mod(step, steps_between_records) == 0) call write_record(out, step)
         if (.not. all(abs(theta - usual_theta) < 200)) then
            write (output_unit, '(a, i0)') 'rain: the run has left this world in step ', step
            exit
         end if
      end do
      call out%close()
      if (restart == '') return
      call open_history(out, trim(restart))
      call write_record(out, nint(now) + steps)
      call out%close()
   end subroutine time_steps

   !> The scheme or the network; and the books of it.
   subroutine microphysics()
      before(:, 1) = reshape(theta * spread(a%exner, 1, nx), [n])
      before(:, 2) = reshape(vapour, [n])
      before(:, 3) = reshape(cloud, [n])
      before(:, 4) = reshape(rain, [n])
      associate (pressure => reshape(spread(a%pressure, 1, nx), [n]))
         if (scheme == 'network') then
            call network_rain(before(:, 1), pressure, before(:, 2), before(:, 3), before(:, 4), &
                              after(:, 1), after(:, 2), after(:, 3), after(:, 4))
         else
            after = before
            call make_rain(after(:, 1), pressure, after(:, 2), after(:, 3), after(:, 4), dt)
         end if
      end associate
      associate (gain => heat * (after(:, 1) - before(:, 1)) + latent * (after(:, 2) - before(:, 2)))
         accounts%heat_made = accounts%heat_made + sum(a%density * sum(reshape(gain, [nx, nz]), dim=1)) * cell**2
      end associate
      accounts%negative_vapour = accounts%negative_vapour + count(after(:, 2) < 0)
      accounts%negative_cloud = accounts%negative_cloud + count(after(:, 3) < 0)
      accounts%negative_rain = accounts%negative_rain + count(after(:, 4) < 0)
      theta = reshape(after(:, 1), [nx, nz]) / spread(a%exner, 1, nx)
      vapour = reshape(after(:, 2), [nx, nz])
      cloud = reshape(after(:, 3), [nx, nz])
      rain = reshape(after(:, 4), [nx, nz])
   end subroutine microphysics

   !> Rain leaves and condensation warms: water and warmth of each layer, the latter without that of condensation, are brought back.
   subroutine hold_climate()
      real(real64) :: more
      integer :: k
      do k = 1, nz
         more = dt / hold * (moisture - sum(vapour(:, k) + cloud(:, k) + rain(:, k)) / nx)
         vapour(:, k) = vapour(:, k) + more
         accounts%water_added = accounts%water_added + nx * more * a%density(k) * cell**2
         theta(:, k) = theta(:, k) + dt / hold &
            * (usual_theta - sum(theta(:, k) - latent / (heat * a%exner(k)) * (cloud(:, k) + rain(:, k))) / nx)
      end do
   end subroutine hold_climate

   subroutine let_fall()
      real(real64) :: ground(nx)
      call fall(a, rain, dt, ground)
      accounts%water_rained = accounts%water_rained + sum(ground) * cell
   end subroutine let_fall

   subroutine open_history(out, path)
      type(history_file), intent(inout) :: out
      character(len=*), intent(in) :: path
      integer :: i
      call out%create(path, 'Clouds and rain in an eddy, by '//trim(scheme))
      call out%axis('x', 'm', [((i - 0.5_real64) * cell, i=1, nx)])
      call out%axis('z', 'm', [((i - 0.5_real64) * cell, i=1, nz)])
      call out%axis('pressure', 'Pa', a%pressure)
      call out%axis('account', '1', [(real(i, real64), i=1, 7)])
      call out%variable('theta', 'K', 'potential temperature', ['x', 'z'])
      call out%variable('vapour', 'kg kg-1', 'water vapour', ['x', 'z'])
      call out%variable('cloud', 'kg kg-1', 'cloud water', ['x', 'z'])
      call out%variable('rain', 'kg kg-1', 'rain water', ['x', 'z'])
      call out%variable('step', '1', 'time step')
      call out%variable('water_left', '1', 'water that nobody can explain, as a share of all')
      call out%variable('heat_left', '1', 'heat that the scheme has made, as a share of all')
      call out%variable('rained', 'kg m-2', 'rain on the ground since the start')
      call out%variable('negative_rain', '1', 'pieces of air with negative rain, in all steps so far')
      call out%variable('negative_water', '1', 'the same for cloud and vapour')
      call out%variable('accounts', '1', 'books, for the restart', ['account'])
      if (.not. samples) return
      call out%axis('piece', '1', [(real(i, real64), i=1, 2 * n)])
      call out%axis('of', '1', [(real(i, real64), i=1, 4)])
      call out%variable('before', '1', 'temperature, vapour, cloud and rain before the scheme', ['piece', 'of   '])
      call out%variable('after', '1', 'and after it', ['piece', 'of   '])
   end subroutine open_history

   subroutine write_record(out, step)
      type(history_file), intent(inout) :: out
      integer, intent(in) :: step
      call out%record(step * dt / 86400)
      call out%put('step', real(step, real64))
      call out%put('theta', theta)
      call out%put('vapour', vapour)
      call out%put('cloud', cloud)
      call out%put('rain', rain)
      call out%put('water_left', accounts%water_left(a, vapour, cloud, rain))
      call out%put('heat_left', accounts%heat_left())
      call out%put('rained', accounts%water_rained / (nx * cell))
      call out%put('negative_rain', accounts%negative_rain)
      call out%put('negative_water', accounts%negative_cloud + accounts%negative_vapour)
      call out%put('accounts', [accounts%water_at_first, accounts%heat_at_first, accounts%water_added, accounts%water_rained, &
                                accounts%heat_made, accounts%negative_rain, accounts%negative_cloud])
      if (samples) call write_samples(out)
   end subroutine write_record

   !> What the scheme was asked, and beside each state another one like it.
   subroutine write_samples(out)
      type(history_file), intent(inout) :: out
      real(real64) :: other(n, 4), made(n, 4), off(4)
      integer :: i, j
      do i = 1, n
         do j = 1, 4
            call draw(draws_state, off(j))
         end do
         other(i, :) = [before(i, 1) + 0.5_real64 * off(1), before(i, 2) * (1 + 0.05_real64 * off(2)), &
                        before(i, 3) * (1 + off(3)), before(i, 4) * (1 + off(4))]
      end do
      made = other
      call make_rain(made(:, 1), reshape(spread(a%pressure, 1, nx), [n]), made(:, 2), made(:, 3), made(:, 4), dt)
      call out%put('before', reshape([transpose(before), transpose(other)], [2 * n, 4], order=[2, 1]))
      call out%put('after', reshape([transpose(after), transpose(made)], [2 * n, 4], order=[2, 1]))
   end subroutine write_samples

   subroutine read_namelist()
      character(len=256) :: path, message
      integer :: unit, status
      call get_command_argument(1, path)
      if (path == '') error stop 'usage: rain run.nml'
      open (newunit=unit, file=path, status='old', action='read', iostat=status, iomsg=message)
      if (status == 0) read (unit, nml=run, iostat=status, iomsg=message)
      if (status == 0) close (unit)
      if (status == 0 .and. all(scheme /= [character(len=16) :: 'kessler', 'network'])) then
         status = 1
         message = "scheme is none of 'kessler', 'network': "//scheme
      end if
      if (status /= 0) then
         write (error_unit, '(4a)') 'rain: ', trim(path), ': ', trim(message)
         stop 1, quiet=.true.
      end if
   end subroutine read_namelist

end program rain_in_an_eddy
