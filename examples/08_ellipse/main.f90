!> Draw images of ellipses, and let the network find them: `ellipse ellipse.pt images.bin results.csv [needed_error]`.
program ellipse
   use, intrinsic :: iso_fortran_env, only: int8, real32
   use ellipse_finder, only: init, run, finalize
   use ellipse_images, only: draw_ellipse, image_size
   implicit none (type, external)

   !> Images 6000 to 6999 of seed 0 are those that the training held out.
   integer, parameter :: seed = 0, first = 6000, n = 1000

   call find_ellipses(argument(1), argument(2), argument(3))

contains

   subroutine find_ellipses(model_file, images_file, results_file)
      character(len=*), intent(in) :: model_file, images_file, results_file
      integer(int8), allocatable :: image(:, :, :, :)               ! (colour, column, row, number)
      real(real32) :: found(4, n), one(4), error, simple, needed
      integer :: geometry(4, n), i
      logical :: passed

      needed = error_needed()
      allocate (image(3, image_size, image_size, n))
      do i = 1, n
         call draw_ellipse(seed, first + i - 1, image(:, :, :, i), geometry(:, i))
      end do
      call init(model_file)
      call run(image, found)                                        ! bytes in, pixels out
      call run(image(:, :, :, n), one)
      call finalize()
      call write_files(images_file, results_file, image, geometry, found)

      error = sum(((found - geometry) / image_size) ** 2) / size(found)
      simple = 0
      do i = 1, 4
         simple = simple + sum(((sum(real(geometry(i, :))) / n - geometry(i, :)) / image_size) ** 2) / size(found)
      end do
      print '(a)', '   number       row    column   row radius   column radius'
      do i = 1, 3
         print '(i9, 2i10, 2i13)', first + i - 1, geometry(:, i)
         print '(a9, 2f10.1, 2f13.1)', 'found', found(:, i)
      end do
      passed = .true.
      call check(passed, maxval(abs(one - found(:, n))) < 1e-3_real32, 'an image alone gives the same as among all')
      call check(passed, error <= needed, 'mean squared error: '//text(error)//' (needed '//text(needed)//')')
      call check(passed, error < simple, '  and below that of the mean, '//text(simple))
      print '(a, f0.2, a)', '        (root mean squared error: ', image_size * sqrt(error), ' pixels)'
      print '(2a)', 'ellipse: ', merge('PASSED', 'FAILED', passed)
      if (.not. passed) stop 1
   end subroutine find_ellipses

   subroutine check(passed, good, sentence)
      logical, intent(inout) :: passed
      logical, intent(in) :: good
      character(len=*), intent(in) :: sentence
      print '(3a)', merge('  ok    ', '  FAIL  ', good), sentence
      passed = passed .and. good
   end subroutine check

   !> The images, byte by byte, for a comparison with Python's; and what was found in them.
   subroutine write_files(images_file, results_file, image, geometry, found)
      character(len=*), intent(in) :: images_file, results_file
      integer(int8), intent(in) :: image(:, :, :, :)
      integer, intent(in) :: geometry(:, :)
      real(real32), intent(in) :: found(:, :)
      integer :: unit, i
      open (newunit=unit, file=images_file, access='stream', form='unformatted', status='replace', action='write')
      write (unit) image
      close (unit)
      open (newunit=unit, file=results_file, status='replace', action='write')
      write (unit, '(a)') 'seed,index,row,column,row_radius,column_radius,' // &
         'found_row,found_column,found_row_radius,found_column_radius'
      do i = 1, size(found, 2)
         write (unit, '(i0, 5(",", i0), 4(",", f0.3))') seed, first + i - 1, geometry(:, i), found(:, i)
      end do
      close (unit)
   end subroutine write_files

   real(real32) function error_needed()
      character(len=16) :: word
      integer :: status
      error_needed = 5.4e-4_real32
      if (command_argument_count() < 4) return
      call get_command_argument(4, word)
      read (word, *, iostat=status) error_needed
      if (status /= 0) error stop 'ellipse: the error needed is not a number: '//trim(word)
   end function error_needed

   function text(number)
      real(real32), intent(in) :: number
      character(len=7) :: text
      write (text, '(es7.1)') number
   end function text

   function argument(number)
      integer, intent(in) :: number
      character(len=:), allocatable :: argument
      integer :: length
      call get_command_argument(number, length=length)
      if (length == 0) error stop 'usage: ellipse ellipse.pt images.bin results.csv [needed_error]'
      allocate (character(len=length) :: argument)
      call get_command_argument(number, argument)
   end function argument

end program ellipse
