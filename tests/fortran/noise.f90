!> Numbers that follow from their place, into files; and what does not depend on how they are asked for.
program noise_of_places
   use, intrinsic :: iso_fortran_env, only: int64, output_unit, real32, real64
   use ftorch, only: torch_error_argument, torch_noise_normal, torch_noise_uniform, torch_philox
   implicit none (type, external)

   call known_answers()
   call to_files()
   call independence()
   call below_one()
   call mistakes()
   write (output_unit, '(a)') 'done'

contains

   subroutine known_answers()
      integer(int64), parameter :: all = 2_int64**32 - 1
      call show([0_int64, 0_int64, 0_int64, 0_int64], [0_int64, 0_int64])
      call show([all, all, all, all], [all, all])
      call show([-1_int64, -1_int64, -1_int64, -1_int64], [-1_int64, -1_int64])
      call show([int(z'243f6a88', int64), int(z'85a308d3', int64), int(z'13198a2e', int64), int(z'03707344', int64)], &
                [int(z'a4093822', int64), int(z'299f31d0', int64)])
   end subroutine known_answers

   subroutine show(counter, key)
      integer(int64), intent(in) :: counter(4), key(2)
      write (output_unit, '(4(z8.8, 1x))') torch_philox(counter, key)
   end subroutine show

   subroutine to_files()
      integer, parameter :: n = 7, m = 40000
      real(real64) :: x(n, m)
      real(real32) :: y(n, m)
      integer :: unit, i
      open (newunit=unit, file='noise.bin', access='stream', status='replace', action='write')
      call torch_noise_uniform(x, seed=2**31_int64 + 5, member=3, step=-7, columns=[(i, i=1, m)])
      write (unit) x
      call torch_noise_normal(x, seed=-9, member=3, step=7, columns=[(i, i=1, m)])
      call torch_noise_normal(y, seed=-9, member=3, step=7, columns=[(i, i=1, m)])
      write (unit) x, y
      if (any(y /= real(x, real32))) error stop 'kinds differ'
      call torch_noise_normal(x, seed=-9, member=3, step=8, columns=[(i, i=1, m)])
      write (unit) x
      call torch_noise_normal(x, seed=-9, member=4, step=7, columns=[(i, i=1, m)])
      write (unit) x
      call torch_noise_normal(x, seed=-8, member=3, step=7, columns=[(i, i=1, m)])
      write (unit) x
      close (unit)
   end subroutine to_files

   !> Blocks of columns in any order, on any thread; arrays of any extent; every other number of an array.
   subroutine independence()
      real(real32) :: whole(6, 50), part(6, 50), wide(12, 50)
      integer :: i, j
      call torch_noise_uniform(whole, 1, 2, 3, [(100 - i, i=1, 50)])
      part = -1
      !$omp parallel do schedule(dynamic)
      do i = 50, 1, -3
         call torch_noise_uniform(part(:, max(i - 2, 1):i), 1, 2, 3, [(100 - j, j=max(i - 2, 1), i)])
      end do
      !$omp end parallel do
      if (any(part /= whole)) error stop 'blocks'
      call torch_noise_uniform(part(:5, :), 1, 2, 3, [(100 - i, i=1, 50)])
      if (any(part(:5, :) /= whole(:5, :))) error stop 'extents'
      wide = -1
      call torch_noise_uniform(wide(::2, :), 1, 2, 3, [(100 - i, i=1, 50)])
      if (any(wide(::2, :) /= whole) .or. any(wide(2::2, :) /= -1)) error stop 'sections'
      call torch_noise_uniform(part(:0, :), 1, 2, 3, [(i, i=1, 50)])
      call torch_noise_uniform(part(:, :0), 1, 2, 3, [integer ::])
   end subroutine independence

   !> A number within 2**-25 of 1, which a real32 of its own would round to 1: found by looking at the first ten million columns.
   subroutine below_one()
      real(real32) :: x(1, 1)
      real(real64) :: y(1, 1)
      call torch_noise_uniform(x, seed=1, member=0, step=0, columns=[3974242])
      call torch_noise_uniform(y, seed=1, member=0, step=0, columns=[3974242])
      if (real(y(1, 1), real32) < 1 .or. y(1, 1) >= 1) error stop 'not the number that was meant'
      if (x(1, 1) /= nearest(1.0_real32, -1.0_real32)) error stop 'a number is 1'
   end subroutine below_one

   subroutine mistakes()
      real(real64) :: x(2, 3)
      character(len=120) :: errmsg
      integer :: stat
      x = 5
      call torch_noise_normal(x, 1, 2, 3, [1, 2], stat=stat, errmsg=errmsg)
      if (stat /= torch_error_argument .or. any(x /= 5)) error stop 'a mistake is not noticed'
      write (output_unit, '(a)') trim(errmsg)
      call torch_noise_normal(x, 1, 2, 3, [1, 2, 3], stat=stat, errmsg=errmsg)
      if (stat /= 0) error stop 'a good call fails'
   end subroutine mistakes

end program noise_of_places
