!> A wind-driven ocean with two gyres: `ocean run.nml`, or `mpirun -n 4 ocean_ranks run.nml`.
!>
!> `scheme` in the namelist says what stands for the eddies that the grid cannot see: 'none', 'zanna_bolton' or 'network'. Results
!> are written on the coarse grid, whatever the run's own is.
program two_gyres
   use, intrinsic :: iso_fortran_env, only: output_unit, real64
   use basin, only: cut, grid, length, make_grid
   use closure, only: apply_closure, coarse_day, on_coarse_grid
   use closure_network, only: finalize, guard_report, init, network_stress => run
   use draws, only: draw
   use history, only: history_file, read_last
   use shallow_water, only: ocean, start_at_rest, step
   use stress, only: zanna_bolton
   use strips, only: end_ranks, everywhere, exchange, gather, give_up, rank, ranks, share_of, start_ranks
   implicit none (type, external)

   integer, parameter :: coarse = 32                       !< cells of the grid of the results
   integer, parameter :: closure_steps = 5                 !< steps that stress and flux of a closure are kept for
   integer, parameter :: reach = 5                         !< rows that the network looks at in each direction: emulators.py
   character(len=3), parameter :: kept(9) = [character(len=3) :: 'h', 'u', 'v', 'dh1', 'dh2', 'du1', 'du2', 'dv1', 'dv2']

   ! What the namelist can say.
   character(len=16) :: scheme = 'none'
   character(len=256) :: network = '', start = '', output = 'history.nc', restart = ''
   integer :: n = coarse                                   !< cells from coast to coast, a multiple of `coarse`
   integer :: days = 365, days_between_records = 10, first_record = 1, seed = 1
   real(real64) :: wind = 0.1_real64                       !< N m-2
   real(real64) :: drag = 2.0e-7_real64                    !< s-1
   real(real64) :: viscosity = 100                         !< m2 s-1
   real(real64) :: strength = 1 / 24.0_real64              !< of the closure of Zanna and Bolton
   logical :: samples = .false.                            !< write what a coarse ocean lacks in a day, with the day before
   namelist /run/ scheme, network, start, output, restart, n, days, days_between_records, first_record, seed, wind, drag, &
      viscosity, strength, samples

   type(grid) :: g, coarse_grid
   type(ocean) :: o
   real(real64), allocatable, dimension(:, :) :: xx, xy, yy, east, north, du, dv, dh   ! stress, flux and force of the closure
   real(real64), dimension(coarse, coarse, 3) :: morning, expected   ! of the coarse ocean, when there are samples
   real(real64) :: day, momentum
   integer :: before, m                                    ! rows south of this rank's strip, and of the strip

   call start_ranks()
   call read_namelist()
   call share_of(rank, n, before, m)
   call make_grid(g, n)
   call cut(g, before, m)
   call make_grid(coarse_grid, coarse)
   if (scheme == 'network') call init(trim(network))
   call begin()
   call time_steps()
   if (scheme == 'network') then
      call guard_report(output_unit)
      call finalize()
   end if
   call end_ranks()

contains

   subroutine begin()
      real(real64) :: state, number
      integer :: i, j
      call start_at_rest(o, g)
      o%wind = wind
      o%drag = drag
      o%viscosity = viscosity
      allocate (xx(0:n + 1, 0:m + 1), source=0.0_real64)
      allocate (xy, yy, east, north, du, dv, dh, source=xx)
      momentum = 0
      day = 0
      if (start == '') then
         ! Water a bit higher here and lower there: runs with another seed have other eddies. All ranks draw all numbers.
         state = seed
         do j = 1 - before, n - before
            do i = 1, n
               call draw(state, number)
               if (j >= 1 .and. j <= m) o%h(i, j) = o%h(i, j) + number * g%wet(i, j)
            end do
         end do
      else
         call read_restart()
      end if
      call exchange(g, o%h)
      call exchange(g, o%u)
      call exchange(g, o%v)
   end subroutine begin

   subroutine time_steps()
      type(history_file) :: out
      logical :: wanted, waiting
      integer :: beat, first, today
      if (rank == 0) call open_history(out, trim(output))
      first = nint(day)
      waiting = .false.
      do today = first + 1, first + days
         do beat = 1, nint(86400 / o%dt)
            if (scheme /= 'none' .and. mod(beat - 1, closure_steps) == 0) call ask_closure()
            call step(o, g, du, dv, dh)
         end do
         day = today
         wanted = mod(today, days_between_records) == 0 .and. today >= first_record
         if (merge(waiting, wanted, samples)) call write_record(out)
         if (samples .and. wanted) call coarse_day(g, o, coarse_grid, morning, expected)
         waiting = wanted
         if (.not. everywhere(all(abs(o%u) < 20) .and. all(abs(o%v) < 20))) then
            if (rank == 0) write (output_unit, '(a, i0)') 'ocean: the run has left this world on day ', today
            exit
         end if
      end do
      call out%close()
      if (restart /= '') call write_restart()
   end subroutine time_steps

   subroutine ask_closure()
      if (scheme == 'network') then
         call ask_network()
      else
         call zanna_bolton(g, strength, o%u, o%v, xx, xy, yy)
      end if
      call apply_closure(g, o, xx, xy, yy, east, north, du, dv, dh, momentum)
   end subroutine ask_closure

   !> The network is given the strip and as many rows beside it as it looks at. What is beyond its arrays it takes for land: that is
   !> true at coasts, and where there are neighbours only those rows are wrong that are not used.
   subroutine ask_network()
      real(real64), dimension(n, 1 - reach:m + reach) :: u, v, h, wet
      real(real64), dimension(n, 1 - reach:m + reach, 5) :: found
      integer :: first, last
      u(:, 1:m) = (o%u(0:n - 1, 1:m) + o%u(1:n, 1:m)) / 2
      v(:, 1:m) = (o%v(1:n, 0:m - 1) + o%v(1:n, 1:m)) / 2
      h(:, 1:m) = o%h(1:n, 1:m)
      wet(:, 1:m) = g%wet(1:n, 1:m)
      call exchange(g, u)
      call exchange(g, v)
      call exchange(g, h)
      call exchange(g, wet)
      first = max(1 - reach, 1 - before)
      last = min(m + reach, n - before)
      call network_stress(u(:, first:last), v(:, first:last), h(:, first:last), wet(:, first:last), found(:, first:last, 1), &
                          found(:, first:last, 2), found(:, first:last, 3), found(:, first:last, 4), found(:, first:last, 5))
      xx(1:n, 1:m) = found(:, 1:m, 1)
      xy(1:n, 1:m) = found(:, 1:m, 2)
      yy(1:n, 1:m) = found(:, 1:m, 3)
      east(1:n, 1:m) = found(:, 1:m, 4)
      north(1:n, 1:m) = found(:, 1:m, 5)
   end subroutine ask_network

   subroutine open_history(out, path)
      type(history_file), intent(inout) :: out
      character(len=*), intent(in) :: path
      real(real64) :: cell
      integer :: i
      cell = length / coarse
      call out%create(path, 'Two gyres, closure: '//trim(scheme))
      call out%axis('x', 'm', [((i - 0.5_real64) * cell, i=1, coarse)])
      call out%axis('y', 'm', [((i - 0.5_real64) * cell, i=1, coarse)])
      call out%variable('day', '1', 'day of the run')
      call out%variable('h', 'm', 'thickness of the warm water', ['x', 'y'])
      call out%variable('u', 'm s-1', 'eastward velocity on eastern faces', ['x', 'y'])
      call out%variable('v', 'm s-1', 'northward velocity on northern faces', ['x', 'y'])
      call out%variable('momentum_left', '1', 'momentum that the closure took from nowhere, as a share of what it moved')
      if (.not. samples) return
      call out%variable('dh', 'm s-1', 'what the coarse ocean lacks in a day', ['x', 'y'])
      call out%variable('du', 'm s-2', 'the same', ['x', 'y'])
      call out%variable('dv', 'm s-2', 'the same', ['x', 'y'])
   end subroutine open_history

   subroutine write_record(out)
      type(history_file), intent(inout) :: out
      real(real64) :: now(coarse, coarse, 3)
      call on_coarse_grid(g, o, now)
      if (rank /= 0) return
      call out%record(day)
      call out%put('day', day)
      call out%put('momentum_left', momentum)
      if (samples) then
         call out%put('dh', (now(:, :, 1) - expected(:, :, 1)) / 86400)
         call out%put('du', (now(:, :, 2) - expected(:, :, 2)) / 86400)
         call out%put('dv', (now(:, :, 3) - expected(:, :, 3)) / 86400)
         now = morning
      end if
      call out%put('h', now(:, :, 1))
      call out%put('u', now(:, :, 2))
      call out%put('v', now(:, :, 3))
   end subroutine write_record

   subroutine write_restart()
      type(history_file) :: out
      real(real64) :: strip(0:n + 1, 0:m + 1, size(kept)), whole(0:n + 1, 0:n + 1)
      integer :: i
      if (rank == 0) then
         call out%create(trim(restart), 'Two gyres, to be continued')
         call out%axis('x', 'm', [((i - 0.5_real64) * g%dx, i=1, n)])
         call out%axis('y', 'm', [((i - 0.5_real64) * g%dx, i=1, n)])
         call out%variable('day', '1', 'day of the run')
         do i = 1, size(kept)
            call out%variable(trim(kept(i)), '1', 'for the restart', ['x', 'y'])
         end do
         call out%record(day)
         call out%put('day', day)
      end if
      strip(:, :, 1) = o%h
      strip(:, :, 2) = o%u
      strip(:, :, 3) = o%v
      strip(:, :, 4:5) = o%dh(:, :, :2)
      strip(:, :, 6:7) = o%du(:, :, :2)
      strip(:, :, 8:9) = o%dv(:, :, :2)
      do i = 1, size(kept)
         call gather(g, strip(:, :, i), whole)
         if (rank == 0) call out%put(trim(kept(i)), whole(1:n, 1:n))
      end do
      call out%close()
   end subroutine write_restart

   !> All ranks read the file, which knows of no strips: any number of ranks may have written it.
   subroutine read_restart()
      real(real64) :: strip(0:n + 1, 0:m + 1, size(kept)), whole(n, n)
      integer :: i
      strip = 0
      do i = 1, size(kept)
         call read_last(trim(start), trim(kept(i)), whole)
         strip(1:n, 1:m, i) = whole(:, before + 1:before + m)
      end do
      call read_last(trim(start), 'day', day)
      o%h = strip(:, :, 1)
      o%u = strip(:, :, 2)
      o%v = strip(:, :, 3)
      o%dh(:, :, :2) = strip(:, :, 4:5)
      o%du(:, :, :2) = strip(:, :, 6:7)
      o%dv(:, :, :2) = strip(:, :, 8:9)
   end subroutine read_restart

   subroutine read_namelist()
      character(len=256) :: path, message
      integer :: unit, status, shortest
      call get_command_argument(1, path)
      if (path == '') call give_up('usage: ocean run.nml')
      open (newunit=unit, file=path, status='old', action='read', iostat=status, iomsg=message)
      if (status == 0) read (unit, nml=run, iostat=status, iomsg=message)
      if (status == 0) close (unit)
      if (status == 0 .and. all(scheme /= [character(len=16) :: 'none', 'zanna_bolton', 'network'])) then
         status = 1
         message = "scheme is none of 'none', 'zanna_bolton', 'network': "//scheme
      end if
      if (status == 0 .and. (n < coarse .or. mod(n, coarse) /= 0)) then
         status = 1
         write (message, '(2(a, i0))') 'n is ', n, '; it can be a multiple of ', coarse
      end if
      shortest = merge(reach, 1, scheme == 'network')
      if (status == 0 .and. n / ranks < shortest) then
         status = 1
         write (message, '(3(a, i0))') 'n is ', n, '; its rows are for at most ', n / shortest, ' ranks, here are ', ranks
      end if
      if (status == 0 .and. samples .and. ranks > 1) then
         status = 1
         write (message, '(a, i0)') 'samples are made on one rank, here are ', ranks
      end if
      if (status /= 0) call give_up(trim(path)//': '//trim(message))
   end subroutine read_namelist

end program two_gyres
