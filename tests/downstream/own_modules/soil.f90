program main
   use, intrinsic :: iso_fortran_env, only: real32
   use :: network, only: init, run, finalize
   implicit none (type, external)
   integer, parameter :: n = 7, n_steps = 10
   real(real32), target :: forcing(5, n, n_steps), flux(n, n_steps), state(8, n, 2), next(8, n, 2)
   integer :: i
   forcing = reshape(sin([(real(i, real32), i=1, size(forcing))]), shape(forcing))
   state = 0
   call init('network.model')
   do i = 1, n_steps
      call run(forcing(:, :, i), state, flux(:, i), next)
      state = next
   end do
   print '(es16.8)', flux, state
   call finalize()
end program main
