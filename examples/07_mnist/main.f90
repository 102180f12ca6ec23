!> Read handwritten digits: `mnist digits_held_out.bin mnist-cnn.pt results.csv [needed_accuracy]`.
!>
!> The images are read as they should be, and then with their indices exchanged and turned around: each gives an answer without any
!> complaint, and only a look at the accuracy tells.
program mnist
   use, intrinsic :: iso_fortran_env, only: int8, real32
   use digit_reader, only: init, run, finalize
   implicit none (type, external)

   call read_digits(argument(1), argument(2), argument(3))

contains

   subroutine read_digits(data_file, model_file, results_file)
      character(len=*), intent(in) :: data_file, model_file, results_file
      ! img(column, row, number): files and Python have the column as the fastest index, and so has Fortran when it comes first.
      integer(int8), allocatable :: img(:, :, :), turned(:, :, :)
      integer, allocatable :: label(:), said(:, :)
      real(real32) :: needed, accuracy(4)
      integer :: i, n, confusion(0:9, 0:9)
      logical :: passed

      needed = accuracy_needed()
      call load(data_file, img, label)
      n = size(label)
      allocate (said(n, 4))
      call init(model_file)
      said(:, 1) = answers(img)
      allocate (turned, mold=img)
      do i = 1, n
         turned(:, :, i) = transpose(img(:, :, i))
      end do
      said(:, 2) = answers(turned)
      do i = 1, n
         turned(:, :, i) = transpose(img(:, 28:1:-1, i))            ! a quarter turn: the first row ends up at the right
      end do
      said(:, 3) = answers(turned)
      turned = img(28:1:-1, 28:1:-1, :)                             ! upside down
      said(:, 4) = answers(turned)
      call finalize()

      confusion = 0
      do i = 1, n
         confusion(said(i, 1), label(i)) = confusion(said(i, 1), label(i)) + 1
      end do
      print '(a)', 'it is   and the network says', '          0    1    2    3    4    5    6    7    8    9'
      do i = 0, 9
         print '(i3, 3x, 10i5)', i, confusion(:, i)
      end do
      accuracy = [(count(said(:, i) == label) / real(n), i = 1, 4)]
      print '(a, i0, a)', 'of the sixes, upside down, ', count(said(:, 4) == 9 .and. label == 6) * 100 / count(label == 6), &
         ' % are read as nines'
      call write_results(results_file, label, said)

      passed = .true.
      call check(passed, accuracy(1) >= needed, 'accuracy: '//text(accuracy(1))//' (needed '//text(needed)//')')
      call check(passed, accuracy(2) <= 0.6_real32, 'with rows and columns exchanged: '//text(accuracy(2))//' (below 0.600)')
      call check(passed, accuracy(3) <= 0.6_real32, 'after a quarter turn: '//text(accuracy(3))//' (below 0.600)')
      call check(passed, accuracy(4) <= 0.6_real32, 'upside down: '//text(accuracy(4))//' (below 0.600)')
      print '(2a)', 'mnist: ', merge('PASSED', 'FAILED', passed)
      if (.not. passed) stop 1
   end subroutine read_digits

   !> The most probable digit of each image.
   function answers(img)
      integer(int8), intent(in) :: img(:, :, :)
      integer :: answers(size(img, 3))
      real(real32) :: probability(10, size(img, 3))
      call run(img, probability)                                    ! bytes as they are: 255 is -1 here, and 255 in the network
      answers = maxloc(probability, dim=1) - 1
   end function answers

   !> n labels and then n images, a byte for each value.
   subroutine load(file, img, label)
      character(len=*), intent(in) :: file
      integer(int8), allocatable, intent(out) :: img(:, :, :)
      integer, allocatable, intent(out) :: label(:)
      integer(int8), allocatable :: bytes(:)
      integer :: unit, status, length, n

      open (newunit=unit, file=file, access='stream', form='unformatted', status='old', action='read', iostat=status)
      if (status /= 0) error stop 'mnist: cannot open '//file
      inquire (unit=unit, size=length)
      n = length / (1 + 28 * 28)
      if (n == 0 .or. length /= n * (1 + 28 * 28)) error stop 'mnist: not a whole number of digits in '//file
      allocate (bytes(n), img(28, 28, n))
      read (unit, iostat=status) bytes, img
      if (status /= 0) error stop 'mnist: cannot read '//file
      close (unit)
      label = int(bytes)
      if (any(label < 0 .or. label > 9)) error stop 'mnist: what should be labels are not digits in '//file
   end subroutine load

   subroutine check(passed, good, sentence)
      logical, intent(inout) :: passed
      logical, intent(in) :: good
      character(len=*), intent(in) :: sentence
      print '(3a)', merge('  ok    ', '  FAIL  ', good), sentence
      passed = passed .and. good
   end subroutine check

   subroutine write_results(file, label, said)
      character(len=*), intent(in) :: file
      integer, intent(in) :: label(:), said(:, :)
      integer :: unit, i
      open (newunit=unit, file=file, status='replace', action='write')
      write (unit, '(a)') 'label,upright,exchanged,quarter_turn,upside_down'
      do i = 1, size(label)
         write (unit, '(i1, 4(",", i1))') label(i), said(i, :)
      end do
      close (unit)
   end subroutine write_results

   real(real32) function accuracy_needed()
      character(len=16) :: word
      integer :: status
      accuracy_needed = 0.97_real32
      if (command_argument_count() < 4) return
      call get_command_argument(4, word)
      read (word, *, iostat=status) accuracy_needed
      if (status /= 0) error stop 'mnist: the accuracy needed is not a number: '//trim(word)
   end function accuracy_needed

   function text(number)
      real(real32), intent(in) :: number
      character(len=5) :: text
      write (text, '(f5.3)') number
   end function text

   function argument(number)
      integer, intent(in) :: number
      character(len=:), allocatable :: argument
      integer :: length
      call get_command_argument(number, length=length)
      if (length == 0) error stop 'usage: mnist digits_held_out.bin mnist-cnn.pt results.csv [needed_accuracy]'
      allocate (character(len=length) :: argument)
      call get_command_argument(number, argument)
   end function argument

end program mnist
