!> The smallest host that has all a large one has around a network: `host run.nml more.nml ...`.
!>
!> Namelists of later files overrule those of earlier ones.
program host
   use, intrinsic :: iso_fortran_env, only: error_unit, output_unit, real64
   use heating, only: heating_finalize, heating_init, heating_options, heating_run
   implicit none (type, external)

   integer, parameter :: levels = 20, columns = 96
   real(real64), parameter :: dt = 1.0_real64 / 24     !< day

   ! What the namelists can say.
   integer :: steps = 240, block = 16                  !< columns that a thread takes at a time
   character(len=256) :: start = '', restart = 'restart.bin', samples = ''
   character(len=16) :: without_network = 'stop'       !< or 'scheme': what to do where the network cannot be used
   type(heating_options) :: physics
   namelist /run_nml/ steps, block, start, restart, samples, without_network
   namelist /heating_nml/ physics

   real(real64), target :: temperature(levels, columns), heat(levels, columns), difference(levels, columns)
   real(real64) :: bias(levels), square(levels)
   integer :: first, step, failures
   character(len=1024) :: line

   call read_namelists()
   call start_physics()
   call begin()
   call time_steps()
   call heating_finalize()
   call write_restart()
   call report()

contains

   subroutine start_physics()
      character(len=512) :: errmsg
      integer :: stat
      call heating_init(physics, levels, line, stat, errmsg)
      if (stat /= 0) call decide(errmsg)
      write (output_unit, '(2a)') 'host: ', trim(line)
   end subroutine start_physics

   !> The network cannot be used. The module has turned to the scheme; whether that is good enough is for the user to say.
   subroutine decide(errmsg)
      character(len=*), intent(in) :: errmsg
      if (without_network == 'scheme') then
         write (error_unit, '(3a)') 'host: going on with the scheme: ', trim(errmsg)
      else
         write (error_unit, '(2a)') 'host: ', trim(errmsg)
         stop 1, quiet=.true.
      end if
   end subroutine decide

   subroutine time_steps()
      integer :: unit
      bias = 0
      square = 0
      failures = 0
      if (samples /= '') open (newunit=unit, file=samples, access='stream', status='replace', action='write')
      do step = first + 1, first + steps
         temperature = temperature + 0.02_real64 * (cshift(temperature, 1, dim=2) - temperature)   ! the wind
         call heat_columns()
         if (samples /= '') write (unit) temperature, heat
         temperature = temperature + dt * heat
         bias = bias + sum(difference, dim=2) / columns
         square = square + sum(difference**2, dim=2) / columns
      end do
      if (samples /= '') close (unit)
   end subroutine time_steps

   !> Blocks of columns, as threads find time for them. What a failure says is kept until they are done.
   subroutine heat_columns()
      character(len=512) :: errmsg(columns)
      integer :: stat(columns), from, to
      stat = 0
      !$omp parallel do private(to) schedule(dynamic)
      do from = 1, columns, block
         to = min(from + block - 1, columns)
         call heating_run(temperature(:, from:to), heat(:, from:to), difference(:, from:to), stat(from), errmsg(from))
      end do
      !$omp end parallel do
      if (all(stat == 0)) return
      if (failures == 0 .or. without_network /= 'scheme') call decide(errmsg(findloc(stat /= 0, .true., dim=1)))
      failures = failures + count(stat /= 0)
   end subroutine heat_columns

   subroutine begin()
      character(len=256) :: message
      integer :: unit, status, i, k
      if (start == '') then
         first = 0
         do i = 1, columns
            do k = 1, levels
               temperature(k, i) = 285 - 3 * k + 12 * sin(0.13_real64 * i) + 3 * cos(0.7_real64 * i + 0.4_real64 * k)
            end do
         end do
      else
         open (newunit=unit, file=start, access='stream', status='old', action='read', iostat=status, iomsg=message)
         if (status == 0) read (unit, iostat=status, iomsg=message) first, temperature
         if (status /= 0) then
            write (error_unit, '(4a)') 'host: ', trim(start), ': ', trim(message)
            stop 1, quiet=.true.
         end if
         close (unit)
      end if
   end subroutine begin

   subroutine write_restart()
      integer :: unit
      open (newunit=unit, file=restart, access='stream', status='replace', action='write')
      write (unit) first + steps, temperature
      close (unit)
   end subroutine write_restart

   subroutine report()
      integer :: k
      write (output_unit, '(a, f0.3, a)') 'host: temperature ', sum(temperature) / size(temperature), ' K'
      if (failures > 0) write (output_unit, '(a, i0, a)') 'host: ', failures, ' blocks were left to the scheme'
      if (physics%source == 'both' .and. any(square > 0)) then
         write (output_unit, '(a)') 'host: level, network minus scheme, root mean square (K/day)'
         write (output_unit, '(i4, 2f9.4)') (k, bias(k) / steps, sqrt(square(k) / steps), k=1, levels)
      end if
      write (output_unit, '(a)') 'host: done'
   end subroutine report

   subroutine read_namelists()
      character(len=256) :: path, message
      integer :: unit, status, i
      if (command_argument_count() == 0) error stop 'usage: host run.nml more.nml ...'
      do i = 1, command_argument_count()
         call get_command_argument(i, path)
         open (newunit=unit, file=path, status='old', action='read', iostat=status, iomsg=message)
         if (status == 0) read (unit, nml=run_nml, iostat=status, iomsg=message)
         if (is_iostat_end(status)) status = 0    ! not every file has every group
         if (status == 0) rewind (unit)
         if (status == 0) read (unit, nml=heating_nml, iostat=status, iomsg=message)
         if (status /= 0 .and. .not. is_iostat_end(status)) then
            write (error_unit, '(4a)') 'host: ', trim(path), ': ', trim(message)
            stop 1, quiet=.true.
         end if
         close (unit)
      end do
   end subroutine read_namelists

end program host
