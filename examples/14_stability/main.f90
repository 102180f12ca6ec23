!> The equation of Kuramoto and Sivashinsky on a ring, many members at once: `stability run.nml`.
!>
!> Short waves are damped by the host's own scheme, by none, or by a network: `scheme` in the namelist is 'own', 'none' or
!> 'network'. A member whose u leaves the world is taken out, and the others go on.
program stability
   use, intrinsic :: ieee_arithmetic, only: ieee_quiet_nan, ieee_value
   use, intrinsic :: iso_fortran_env, only: error_unit, real64
   use damping_network, only: finalize, init, network_flux => run
   use history, only: history_file, read_last
   use ring, only: advance, disturb, dt, dx, kept, set_ring
   implicit none (type, external)

   real(real64), parameter :: pi = acos(-1.0_real64)
   real(real64), parameter :: of_this_world = 20   !< the scheme has never had a larger u than 4

   ! What the namelist can say.
   character(len=16) :: scheme = 'own'
   character(len=16) :: first = 'random'           !< state: 'random', or 'waves' (member i has a small wave of the number i - 1)
   character(len=256) :: network = '', start = '', output = 'history.nc', restart = ''
   integer :: cells = 24, members = 20, seed = 1, steps_between_records = 5
   real(real64) :: length = 24, time = 100, step_length = 0.2_real64
   real(real64) :: spin_up = 0                     !< with the host's own scheme, before anything is recorded
   logical :: twins = .false.                      !< the second half of the members stays near the first: chaos is measured
   namelist /run/ scheme, first, network, start, output, restart, cells, members, seed, steps_between_records, length, time, &
      step_length, spin_up, twins

   real(real64), parameter :: twin_distance = 1.0e-7_real64, wave_height = 1.0e-6_real64

   call read_namelist()
   call set_ring(cells, length, step_length)
   if (scheme == 'network') call init(trim(network))
   call time_steps()
   if (scheme == 'network') call finalize()

contains

   subroutine time_steps()
      type(history_file) :: out
      real(real64) :: u(cells, members), flux(cells, members), lost(members), apart(members), damping, now
      integer :: step
      flux = 0
      call first_state(u, lost, now)
      apart = twin_distance
      damping = merge(1.0_real64, kept, scheme == 'own')
      call open_history(out, trim(output))
      do step = nint(now / dt), nint((now + time) / dt)
         if (mod(step, steps_between_records) == 0) then
            if (twins) call bring_back(u, apart)
            call record(out, step * dt, u, lost, apart)
         end if
         if (step == nint((now + time) / dt)) exit      ! the last record is where a restart begins
         if (scheme == 'network') call network_flux(u, flux)
         call advance(u, damping, flux)
         call take_out(u, lost, (step + 1) * dt)
      end do
      call out%close()
      if (restart == '') return
      call open_history(out, trim(restart))
      call record(out, now + time, u, lost, apart)
      call out%close()
   end subroutine time_steps

   subroutine first_state(u, lost, now)
      real(real64), intent(out) :: u(:, :), lost(:), now
      real(real64) :: random_state, none(cells, members), apart(members)
      integer :: i, step
      now = 0
      lost = -1
      none = 0
      if (start /= '') then
         call read_last(trim(start), 'state', u)
         call read_last(trim(start), 'lost', lost)
         call read_last(trim(start), 'clock', now)
         return
      end if
      u = 0
      random_state = seed
      select case (first)
      case ('waves')
         do i = 1, members
            u(:, i) = wave_height * cos(2 * pi * (i - 1) * [(step, step=1, cells)] / cells)
         end do
         u(:, 1) = 0
      case default
         call disturb(u, 1.0_real64, random_state)
      end select
      do step = 1, nint(spin_up / dt)
         call advance(u, 1.0_real64, none)
      end do
      if (.not. twins) return
      i = members / 2
      u(:, i + 1:2 * i) = u(:, :i)
      call disturb(u(:, i + 1:2 * i), twin_distance, random_state)
      call bring_back(u, apart)
   end subroutine first_state

   !> How far each twin has gone away since the last time; it is brought back to where it was, in that direction.
   subroutine bring_back(u, apart)
      real(real64), intent(inout) :: u(:, :)
      real(real64), intent(out) :: apart(:)
      integer :: i, twin
      apart = 0
      do i = 1, members / 2
         twin = members / 2 + i
         apart(i) = norm2(u(:, twin) - u(:, i))
         u(:, twin) = u(:, i) + twin_distance / apart(i) * (u(:, twin) - u(:, i))
      end do
   end subroutine bring_back

   !> Members that have left the world, or are no numbers any more.
   subroutine take_out(u, lost, now)
      real(real64), intent(inout) :: u(:, :), lost(:)
      real(real64), intent(in) :: now
      integer :: i
      do i = 1, members
         if (all(abs(u(:, i)) < of_this_world)) cycle
         if (lost(i) < 0) lost(i) = now
         u(:, i) = 0
      end do
   end subroutine take_out

   subroutine record(out, now, u, lost, apart)
      type(history_file), intent(inout) :: out
      real(real64), intent(in) :: now, u(:, :), lost(:), apart(:)
      real(real64) :: seen(cells, members)
      seen = u
      where (spread(lost >= 0, 1, cells)) seen = ieee_value(now, ieee_quiet_nan)
      call out%record(now)
      call out%put('clock', now)
      call out%put('u', seen)
      call out%put('state', u)
      call out%put('lost', lost)
      if (twins) call out%put('apart', apart)
   end subroutine record

   subroutine open_history(out, path)
      type(history_file), intent(inout) :: out
      character(len=*), intent(in) :: path
      integer :: i
      call out%create(path, 'Waves on a ring, after Kuramoto and Sivashinsky; short ones are damped by: '//trim(scheme))
      call out%axis('cell', '1', [(i * dx, i=1, cells)])
      call out%axis('member', '1', [(real(i, real64), i=1, members)])
      call out%variable('clock', '1', 'time of the equation, which has no units')
      call out%variable('u', '1', 'wind; NaN when the member has left the world', [character(len=6) :: 'cell', 'member'])
      call out%variable('state', '1', 'the same for the restart', [character(len=6) :: 'cell', 'member'])
      call out%variable('lost', '1', 'when the member left the world; -1 if it has not', [character(len=6) :: 'member'])
      if (twins) call out%variable('apart', '1', 'distance of the twin since the last record', [character(len=6) :: 'member'])
   end subroutine open_history

   subroutine read_namelist()
      character(len=256) :: path, message
      integer :: unit, status
      call get_command_argument(1, path)
      if (path == '') error stop 'usage: stability run.nml'
      open (newunit=unit, file=path, status='old', action='read', iostat=status, iomsg=message)
      if (status == 0) read (unit, nml=run, iostat=status, iomsg=message)
      if (status == 0) close (unit)
      if (status == 0 .and. all(scheme /= [character(len=16) :: 'own', 'none', 'network'])) then
         status = 1
         message = "scheme is none of 'own', 'none', 'network': "//scheme
      end if
      if (status == 0 .and. all(first /= [character(len=16) :: 'random', 'waves'])) then
         status = 1
         message = "first is none of 'random', 'waves': "//first
      end if
      if (status /= 0) then
         write (error_unit, '(4a)') 'stability: ', trim(path), ': ', trim(message)
         stop 1, quiet=.true.
      end if
   end subroutine read_namelist

end program stability
