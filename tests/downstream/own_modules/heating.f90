program main
   use, intrinsic :: iso_fortran_env, only: real32
   use :: network, only: init, run, finalize
   implicit none (type, external)
   integer, parameter :: n = 5
   real(real32), target :: column(3, 20, n), heating(20, n), single(20)
   integer :: i
   column = reshape(sin([(real(i, real32), i=1, size(column))]), shape(column))
   call init('network.model')
   call run(column, heating)
   call run(column(:, :, n), single)
   print '(es16.8)', heating, single
   call finalize()
end program main
