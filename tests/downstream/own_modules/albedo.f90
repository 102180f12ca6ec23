program main
   use, intrinsic :: iso_fortran_env, only: int32, real32
   use :: network, only: init, run, finalize
   implicit none (type, external)
   integer, parameter :: n = 30
   integer(int32), target :: category(n)
   real(real32), target :: numbers(3, n), albedo(n)
   integer :: i
   category = [(mod(i, 12), i=1, n)]  ! counted from 0, as in Python
   numbers = reshape(sin([(real(i, real32), i=1, size(numbers))]), shape(numbers))
   call init('network.model')
   call run(category, numbers, albedo)
   print '(es16.8)', albedo
   call finalize()
end program main
