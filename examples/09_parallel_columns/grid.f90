module grid
   ! A globe that is flat and periodic, cut into one rectangle of columns for each rank.
   use, intrinsic :: iso_fortran_env, only: real64
   use mpi_f08
   implicit none (type, external)
   private
   public :: block, cut, fill_halo, gather

   type :: block
      type(MPI_Comm) :: comm                      ! of the ranks that have columns, as a torus of two dimensions
      integer :: rank, west, east, south, north   ! of this rank, and its neighbours
      integer :: nx, ny, nz                       ! of the globe
      integer :: x0, y0, mx, my                   ! this rank's columns: how many before them, and how many
      type(MPI_Datatype) :: row, column           ! what goes to the north, and to the east
   end type block

contains

   subroutine cut(b, comm, nx, ny, nz)
      ! Collective.
      type(block), intent(out) :: b
      type(MPI_Comm), intent(in) :: comm
      integer, intent(in) :: nx, ny, nz
      integer :: ranks, dims(2), place(2)
      call MPI_Comm_size(comm, ranks)
      dims = 0
      call MPI_Dims_create(ranks, 2, dims)
      call MPI_Cart_create(comm, 2, dims, [.true., .true.], .false., b%comm)
      call MPI_Comm_rank(b%comm, b%rank)
      call MPI_Cart_coords(b%comm, b%rank, 2, place)
      call MPI_Cart_shift(b%comm, 0, 1, b%west, b%east)
      call MPI_Cart_shift(b%comm, 1, 1, b%south, b%north)
      b%nx = nx
      b%ny = ny
      b%nz = nz
      b%x0 = place(1) * nx / dims(1)
      b%mx = (place(1) + 1) * nx / dims(1) - b%x0
      b%y0 = place(2) * ny / dims(2)
      b%my = (place(2) + 1) * ny / dims(2) - b%y0
      ! Fields are f(nz, 0:mx+1, 0:my+1): a row lies in one piece.
      call MPI_Type_contiguous(nz * (b%mx + 2), MPI_DOUBLE_PRECISION, b%row)
      call MPI_Type_commit(b%row)
      call MPI_Type_vector(b%my + 2, nz, nz * (b%mx + 2), MPI_DOUBLE_PRECISION, b%column)
      call MPI_Type_commit(b%column)
   end subroutine cut

   subroutine fill_halo(b, f)
      ! The outermost columns are those of the neighbours.
      type(block), intent(in) :: b
      real(real64), intent(inout) :: f(:, 0:, 0:)
      call MPI_Sendrecv(f(1, b%mx, 0), 1, b%column, b%east, 1, f(1, 0, 0), 1, b%column, b%west, 1, b%comm, MPI_STATUS_IGNORE)
      call MPI_Sendrecv(f(1, 1, 0), 1, b%column, b%west, 2, f(1, b%mx + 1, 0), 1, b%column, b%east, 2, b%comm, MPI_STATUS_IGNORE)
      call MPI_Sendrecv(f(1, 0, b%my), 1, b%row, b%north, 3, f(1, 0, 0), 1, b%row, b%south, 3, b%comm, MPI_STATUS_IGNORE)
      call MPI_Sendrecv(f(1, 0, 1), 1, b%row, b%south, 4, f(1, 0, b%my + 1), 1, b%row, b%north, 4, b%comm, MPI_STATUS_IGNORE)
   end subroutine fill_halo

   subroutine gather(b, f, whole)
      ! The field of the globe, on rank 0; elsewhere it has no elements.
      type(block), intent(in) :: b
      real(real64), intent(in) :: f(:, 0:, 0:)
      real(real64), allocatable, intent(out) :: whole(:, :, :)
      real(real64), allocatable :: received(:)
      integer, allocatable :: places(:, :), counts(:), starts(:)
      integer :: ranks, r
      call MPI_Comm_size(b%comm, ranks)
      allocate (places(4, ranks))
      call MPI_Allgather([b%x0, b%mx, b%y0, b%my], 4, MPI_INTEGER, places, 4, MPI_INTEGER, b%comm)
      counts = b%nz * places(2, :) * places(4, :)
      starts = [(sum(counts(:r - 1)), r=1, ranks)]
      allocate (received(merge(sum(counts), 0, b%rank == 0)))
      call MPI_Gatherv(reshape(f(:, 1:b%mx, 1:b%my), [counts(b%rank + 1)]), counts(b%rank + 1), MPI_DOUBLE_PRECISION, received, &
         counts, starts, MPI_DOUBLE_PRECISION, 0, b%comm)
      allocate (whole(b%nz, merge(b%nx, 0, b%rank == 0), b%ny))
      if (b%rank /= 0) return
      do r = 1, ranks
         associate (x0 => places(1, r), mx => places(2, r), y0 => places(3, r), my => places(4, r))
            whole(:, x0 + 1:x0 + mx, y0 + 1:y0 + my) = reshape(received(starts(r) + 1:starts(r) + counts(r)), [b%nz, mx, my])
         end associate
      end do
   end subroutine gather

end module grid
