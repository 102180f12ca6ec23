program main
   use, intrinsic :: iso_fortran_env, only: real32
   use :: network, only: init, run, finalize
   implicit none (type, external)
   integer, parameter :: nx = 16, ny = 8, n = 2
   real(real32), target :: field(nx, ny, 3, n), land(nx, ny, n), rain(nx, ny, n), snow(nx, ny, n)
   integer :: i
   field = reshape(sin([(real(i, real32), i=1, size(field))]), shape(field))
   land = merge(1.0_real32, 0.0_real32, field(:, :, 1, :) > 0)
   call init('network.model')
   call run(field, land, rain, snow)
   print '(es16.8)', rain, snow
   call run(field(:, :, :, n), land(:, :, n), rain(:, :, 1), snow(:, :, 1))  ! a single one
   print '(es16.8)', rain(:, :, 1), snow(:, :, 1)
   call finalize()
end program main
