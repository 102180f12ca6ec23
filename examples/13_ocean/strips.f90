!> The basin cut into strips of rows, one for each rank of MPI: who the neighbours are, and what goes between them.
!>
!> All procedures but `share_of` are for all ranks together. no_ranks.f90 is the same for a program without MPI.
module strips
   use, intrinsic :: iso_fortran_env, only: error_unit, real64
   use basin, only: grid
   use mpi_f08
   implicit none (type, external)
   private
   public :: start_ranks, end_ranks, share_of, exchange, gather, total, everywhere, give_up

   integer, public, protected :: rank = 0, ranks = 1
   integer :: south, north                                        ! neighbours

contains

   subroutine start_ranks()
      call MPI_Init()
      call MPI_Comm_rank(MPI_COMM_WORLD, rank)
      call MPI_Comm_size(MPI_COMM_WORLD, ranks)
      south = merge(rank - 1, MPI_PROC_NULL, rank > 0)
      north = merge(rank + 1, MPI_PROC_NULL, rank < ranks - 1)
   end subroutine start_ranks

   subroutine end_ranks()
      call MPI_Finalize()
   end subroutine end_ranks

   !> How many of n rows the strip of a rank has, and how many are south of it.
   pure subroutine share_of(r, n, before, rows)
      integer, intent(in) :: r, n
      integer, intent(out) :: before, rows
      before = r * n / ranks
      rows = (r + 1) * n / ranks - before
   end subroutine share_of

   !> Makes the rows beside the strip those of the neighbours, as many on each side as `field` has; beyond a coast nothing changes.
   subroutine exchange(g, field)
      type(grid), intent(in) :: g
      real(real64), contiguous, intent(inout) :: field(:, :)      !< counted from 1 here: halo, strip, halo
      integer :: halo, many
      halo = (size(field, 2) - g%rows) / 2
      many = halo * size(field, 1)
      associate (last => halo + g%rows)
         call MPI_Sendrecv(field(:, last - halo + 1:last), many, MPI_DOUBLE_PRECISION, north, 1, field(:, :halo), many, &
            MPI_DOUBLE_PRECISION, south, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE)
         call MPI_Sendrecv(field(:, halo + 1:2 * halo), many, MPI_DOUBLE_PRECISION, south, 2, field(:, last + 1:), many, &
            MPI_DOUBLE_PRECISION, north, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE)
      end associate
   end subroutine exchange

   !> The field of the whole basin, on rank 0.
   subroutine gather(g, field, whole)
      type(grid), intent(in) :: g
      real(real64), contiguous, intent(in) :: field(:, 0:)        !< (0:n+1, 0:rows+1)
      real(real64), intent(out) :: whole(:, 0:)                   !< (0:n+1, 0:n+1)
      real(real64), allocatable :: received(:, :)
      integer :: counts(0:ranks - 1), starts(0:ranks - 1), r
      do r = 0, ranks - 1
         call share_of(r, g%n, starts(r), counts(r))
      end do
      counts = counts * size(field, 1)
      starts = starts * size(field, 1)
      allocate (received(size(field, 1), g%n), source=0.0_real64)
      call MPI_Gatherv(field(:, 1:g%rows), counts(rank), MPI_DOUBLE_PRECISION, received, counts, starts, MPI_DOUBLE_PRECISION, 0, &
         MPI_COMM_WORLD)
      whole = 0
      whole(:, 1:g%n) = received
   end subroutine gather

   !> Sums over all ranks.
   function total(parts)
      real(real64), intent(in) :: parts(:)
      real(real64) :: total(size(parts))
      call MPI_Allreduce(parts, total, size(parts), MPI_DOUBLE_PRECISION, MPI_SUM, MPI_COMM_WORLD)
   end function total

   !> Whether something is true on all ranks.
   logical function everywhere(here)
      logical, intent(in) :: here
      call MPI_Allreduce(here, everywhere, 1, MPI_LOGICAL, MPI_LAND, MPI_COMM_WORLD)
   end function everywhere

   !> Ends the job for a reason that all ranks know.
   subroutine give_up(message)
      character(len=*), intent(in) :: message
      if (rank == 0) then
         write (error_unit, '(2a)') 'ocean: ', message
         call MPI_Abort(MPI_COMM_WORLD, 1)
      end if
      call MPI_Barrier(MPI_COMM_WORLD)                            ! is never passed: rank 0 ends all
   end subroutine give_up

end module strips
