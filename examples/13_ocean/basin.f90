!> An ocean basin on a grid: where there is water, and where there is coast.
!>
!> Cells are numbered from 1 to n in both directions; the ring around them, 0 and n + 1, is land. Thickness lies in the middle of
!> a cell, u on its eastern face, v on its northern face, what belongs to corners on its north-eastern one (Arakawa's C grid).
!>
!> Arrays have the rows (second index) of one strip of the basin, 1 to `rows`, and one row more on both sides: land where the
!> basin ends, else rows of the neighbours. Without ranks the strip is the basin.
module basin
   use, intrinsic :: iso_fortran_env, only: real64
   implicit none (type, external)
   private
   public :: grid, make_grid, cut, coarsen

   real(real64), parameter, public :: length = 1280.0e3_real64   !< m, of the basin from coast to coast

   !> Masks are 1 in water and 0 elsewhere, so that they can be factors.
   type :: grid
      integer :: n                                                !< cells from coast to coast
      integer :: rows, before                                     !< of this strip, and how many are south of it
      real(real64) :: dx                                          !< m
      real(real64), allocatable :: wet(:, :), face_u(:, :), face_v(:, :), corner(:, :)
      real(real64), allocatable :: open_x(:, :), open_y(:, :)     !< cells without a coast in the east or west, north or south
      real(real64), allocatable :: share(:, :)                    !< 1 / the number of wet cells around a corner
   end type grid

contains

   !> A square basin with a cape in the west, where the two gyres meet. Its sides are multiples of 1/32 of the basin: all grids with
   !> a multiple of 32 cells have the same coast.
   subroutine make_grid(g, n)
      type(grid), intent(out) :: g
      integer, intent(in) :: n
      real(real64), allocatable :: around(:, :)
      g%n = n
      g%rows = n
      g%before = 0
      g%dx = length / n
      allocate (g%wet(0:n + 1, 0:n + 1), source=0.0_real64)
      allocate (g%face_u, g%face_v, g%corner, g%share, g%open_x, g%open_y, source=g%wet)
      g%wet(1:n, 1:n) = 1
      g%wet(1:n / 16, 17 * n / 32 + 1:18 * n / 32) = 0
      g%face_u(0:n, :) = g%wet(0:n, :) * g%wet(1:, :)
      g%face_v(:, 0:n) = g%wet(:, 0:n) * g%wet(:, 1:)
      g%corner(0:n, 0:n) = g%face_u(0:n, 0:n) * g%face_u(0:n, 1:)
      g%open_x(1:n, :) = g%wet(1:n, :) * g%face_u(0:n - 1, :) * g%face_u(1:n, :)
      g%open_y(:, 1:n) = g%wet(:, 1:n) * g%face_v(:, 0:n - 1) * g%face_v(:, 1:n)
      around = g%wet(0:n, 0:n) + g%wet(1:, 0:n) + g%wet(0:n, 1:) + g%wet(1:, 1:)
      g%share(0:n, 0:n) = 1 / max(around, 1.0_real64)
   end subroutine make_grid

   !> Makes a basin a strip of itself.
   subroutine cut(g, before, rows)
      type(grid), intent(inout) :: g
      integer, intent(in) :: before, rows
      g%before = before
      g%rows = rows
      call keep(g%wet)
      call keep(g%face_u)
      call keep(g%face_v)
      call keep(g%corner)
      call keep(g%open_x)
      call keep(g%open_y)
      call keep(g%share)

   contains

      subroutine keep(mask)
         real(real64), allocatable, intent(inout) :: mask(:, :)
         real(real64), allocatable :: strip(:, :)
         allocate (strip(0:g%n + 1, 0:rows + 1), source=mask(:, before:before + rows + 1))
         call move_alloc(strip, mask)
      end subroutine keep

   end subroutine cut

   !> The mean of a field over the cells of a coarse grid, or over boxes of the same size around its faces.
   pure subroutine coarsen(fine, coarse, where)
      real(real64), intent(in) :: fine(0:, 0:)                    !< (0:n+1, 0:n+1), the whole basin
      real(real64), intent(out) :: coarse(:, :)                   !< (m, m), and n is a multiple of m
      character(len=*), intent(in) :: where                       !< 'cell', 'u', or else 'v'
      real(real64), allocatable :: weights(:)
      integer :: i, j, k, m, r
      m = size(coarse, 1)
      r = (size(fine, 1) - 2) / m
      coarse = 0
      ! A box around a face begins and ends in the middle of a coarse cell: where r is even, on a fine face that counts half.
      allocate (weights(-r:r), source=0.0_real64)
      do k = -r, r
         weights(k) = max(0.0_real64, min(1.0_real64, 0.5_real64 * (r + 1) - abs(k))) / r
      end do
      do j = 1, m
         do i = 1, m
            select case (where)
            case ('cell')
               coarse(i, j) = sum(fine((i - 1) * r + 1:i * r, (j - 1) * r + 1:j * r)) / r**2
            case ('u')
               if (i < m) coarse(i, j) = sum(matmul(weights, fine((i - 1) * r:(i + 1) * r, (j - 1) * r + 1:j * r))) / r
            case default
               if (j < m) coarse(i, j) = sum(matmul(fine((i - 1) * r + 1:i * r, (j - 1) * r:(j + 1) * r), weights)) / r
            end select
         end do
      end do
   end subroutine coarsen

end module basin
