!> Stands for strips.f90 in a program without MPI: one strip, the basin, and no neighbours.
module strips
   use, intrinsic :: iso_fortran_env, only: error_unit, real64
   use basin, only: grid
   implicit none (type, external)
   private
   public :: start_ranks, end_ranks, share_of, exchange, gather, total, everywhere, give_up

   integer, public, parameter :: rank = 0, ranks = 1

contains

   subroutine start_ranks()
   end subroutine start_ranks

   subroutine end_ranks()
   end subroutine end_ranks

   pure subroutine share_of(r, n, before, rows)
      integer, intent(in) :: r, n
      integer, intent(out) :: before, rows
      before = r
      rows = n
   end subroutine share_of

   subroutine exchange(g, field)
      type(grid), intent(in) :: g
      real(real64), contiguous, intent(inout) :: field(:, :)
   end subroutine exchange

   subroutine gather(g, field, whole)
      type(grid), intent(in) :: g
      real(real64), contiguous, intent(in) :: field(:, 0:)
      real(real64), intent(out) :: whole(:, 0:)
      whole = field
   end subroutine gather

   function total(parts)
      real(real64), intent(in) :: parts(:)
      real(real64) :: total(size(parts))
      total = parts
   end function total

   logical function everywhere(here)
      logical, intent(in) :: here
      everywhere = here
   end function everywhere

   subroutine give_up(message)
      character(len=*), intent(in) :: message
      write (error_unit, '(2a)') 'ocean: ', message
      stop 1, quiet=.true.
   end subroutine give_up

end module strips
