program atmosphere
   ! A small atmosphere on many ranks: winds carry temperature and humidity, a network heats the columns.
   !
   !     mpirun -n 4 ./atmosphere run.nml
   use, intrinsic :: iso_fortran_env, only: int64, real64
   use ftorch_mpi, only: torch_mpi_abort_handler
   use grid, only: block, cut, gather
   use heating, only: heating_end, heating_of, heating_serve, heating_start, heating_waiting
   use mpi_f08
   use transport, only: carry
   implicit none (type, external)

   real(real64), parameter :: day = 86400, dt = 600
   character(len=256) :: namelist_file, model = 'heating.pt2', result = 'temperature.bin'
   character(len=16) :: mode = 'local'
   integer :: nx = 48, ny = 32, steps = 200, n_servers = 1, rank, ranks, unit
   integer, parameter :: nz = 20
   integer(int64) :: memory
   logical :: is_server
   type(MPI_Comm) :: columns
   namelist /run/ mode, model, result, nx, ny, steps, n_servers

   call MPI_Init()
   call torch_mpi_abort_handler(MPI_COMM_WORLD)
   call MPI_Comm_rank(MPI_COMM_WORLD, rank)
   call MPI_Comm_size(MPI_COMM_WORLD, ranks)
   call get_command_argument(1, namelist_file)
   open (newunit=unit, file=namelist_file, action='read')
   read (unit, nml=run)
   close (unit)

   is_server = mode == 'servers' .and. rank >= ranks - n_servers
   call MPI_Comm_split(MPI_COMM_WORLD, merge(1, 0, is_server), rank, columns)
   call heating_start(mode, model, MPI_COMM_WORLD, is_server)
   if (is_server) then
      call heating_serve()
   else
      call time_steps()
   end if
   memory = kilobytes()
   call heating_end()                       ! servers return from heating_serve when the others are here
   call report_memory()
   call MPI_Finalize()

contains

   subroutine time_steps()
      type(block) :: b
      real(real64), allocatable, target :: t(:, :, :), q(:, :, :), before(:, :, :), columns_t(:, :), columns_q(:, :), heat(:, :)
      real(real64) :: start, physics, mark
      integer :: step
      call cut(b, columns, nx, ny, nz)
      allocate (t(nz, 0:b%mx + 1, 0:b%my + 1), q(nz, 0:b%mx + 1, 0:b%my + 1), before(nz, 0:b%mx + 1, 0:b%my + 1))
      allocate (heat(nz, b%mx * b%my), columns_t(nz, b%mx * b%my), columns_q(nz, b%mx * b%my))
      call begin(b, t, q)
      physics = 0
      call MPI_Barrier(b%comm)
      start = MPI_Wtime()
      do step = 1, steps
         call carry(b, t, before, 0.4_real64)
         call carry(b, q, before, 0.4_real64)
         mark = MPI_Wtime()
         columns_t = reshape(t(:, 1:b%mx, 1:b%my), shape(columns_t))
         columns_q = reshape(q(:, 1:b%mx, 1:b%my), shape(columns_q))
         call heating_of(columns_t, columns_q, heat)
         t(:, 1:b%mx, 1:b%my) = t(:, 1:b%mx, 1:b%my) + dt / day * reshape(heat, [nz, b%mx, b%my])
         physics = physics + MPI_Wtime() - mark
      end do
      call MPI_Barrier(b%comm)
      call report(b, t, (MPI_Wtime() - start) / steps, physics / steps)
   end subroutine time_steps

   subroutine begin(b, t, q)
      type(block), intent(in) :: b
      real(real64), intent(out) :: t(:, 0:, 0:), q(:, 0:, 0:)
      real(real64), parameter :: turn = 2 * acos(-1.0_real64)
      integer :: i, j, k
      t = 0
      q = 0
      do j = 1, b%my
         do i = 1, b%mx
            do k = 1, nz
               t(k, i, j) = 290 - 3 * k + 15 * cos(turn * (b%y0 + j) / ny) + 5 * sin(2 * turn * (b%x0 + i) / nx)
               q(k, i, j) = 0.012_real64 * exp(-0.15_real64 * k) * (1 + 0.5_real64 * cos(turn * (b%x0 + i) / nx))
            end do
         end do
      end do
   end subroutine begin

   subroutine report(b, t, seconds, physics)
      type(block), intent(in) :: b
      real(real64), intent(in) :: t(:, 0:, 0:), seconds, physics
      real(real64), allocatable :: whole(:, :, :)
      real(real64) :: waiting, longest
      call gather(b, t, whole)
      waiting = heating_waiting() / steps
      call MPI_Reduce(waiting, longest, 1, MPI_DOUBLE_PRECISION, MPI_MAX, 0, b%comm)
      if (b%rank /= 0) return
      open (newunit=unit, file=result, access='stream', status='replace', action='write')
      write (unit) whole
      close (unit)
      print '(a, 3(f0.6, 1x))', 'seconds a step, of them physics, of them waiting: ', seconds, physics, longest
      print '(a, f0.2, a, f0.2, a)', 'temperature ', minval(whole), ' to ', maxval(whole), ' K'
   end subroutine report

   integer(int64) function kilobytes()
      ! What this rank needs, and its part of what it shares with others.
      character(len=80) :: line
      integer :: ios
      kilobytes = 0
      open (newunit=unit, file='/proc/self/smaps_rollup', action='read')
      do
         read (unit, '(a)', iostat=ios) line
         if (ios /= 0) exit
         if (line(:4) == 'Pss:') read (line(5:index(line, 'kB') - 1), *) kilobytes
      end do
      close (unit)
   end function kilobytes

   subroutine report_memory()
      integer(int64) :: total
      call MPI_Reduce(memory, total, 1, MPI_INTEGER8, MPI_SUM, 0, MPI_COMM_WORLD)
      if (rank == 0) print '(a, i0)', 'megabytes of all ranks: ', total / 1024
   end subroutine report_memory

end program atmosphere
