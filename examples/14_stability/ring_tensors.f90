!> The time step of ring.f90 for tensors u[member, cell]: the same lines, through which derivatives run backwards.
module ring_tensors
   use, intrinsic :: iso_fortran_env, only: real64
   use ftorch
   use ring, only: dt, dx
   implicit none (type, external)
   private
   public :: advance

contains

   subroutine advance(u, damping, flux)
      type(torch_tensor), intent(inout) :: u
      real(real64), intent(in) :: damping
      type(torch_tensor), intent(in) :: flux
      type(torch_tensor) :: rate, middle, change, behind
      include 'advance.inc'
   end subroutine advance

   subroutine tendency(u, damping, rate)
      type(torch_tensor), intent(in) :: u
      real(real64), intent(in) :: damping
      type(torch_tensor), intent(inout) :: rate
      type(torch_tensor) :: ahead, two_ahead, behind, flux, flux_behind
      include 'tendency.inc'
   end subroutine tendency

   subroutine neighbour(u, distance, values)
      type(torch_tensor), intent(in) :: u
      integer, intent(in) :: distance
      type(torch_tensor), intent(inout) :: values
      values = torch_roll(u, [-distance], [2])
   end subroutine neighbour

end module ring_tensors
