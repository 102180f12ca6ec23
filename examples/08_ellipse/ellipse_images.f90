!> Images of one filled ellipse, each a function of (seed, index) alone: the same bits as examples/course/ellipse_images.py draws.
!>
!> Random numbers without a state: every word is a hash of seed, index and the number of the word. Fortran has no unsigned
!> integers, and a product that overflows is undefined. So 32-bit words live in 64-bit integers, and the multipliers are below
!> 2**31: no product reaches 2**63.
module ellipse_images
   use, intrinsic :: iso_fortran_env, only: int8, int64
   implicit none (type, external)
   private
   public :: draw_ellipse, image_size

   integer, parameter :: image_size = 128
   integer, parameter :: smallest = 4, largest = 31
   integer(int64), parameter :: low_word = int(z'FFFFFFFF', int64), increment = int(z'9E3779B9', int64)
   integer(int64), parameter :: multipliers(2) = [1809034421_int64, 1471768093_int64]

contains

   !> Draws an image. Pixels are bytes 0..255, of which Fortran shows those above 127 as negative.
   pure subroutine draw_ellipse(seed, index, image, geometry)
      integer, intent(in) :: seed, index                  !! from 0 on
      integer(int8), intent(out) :: image(3, image_size, image_size)   !! (colour, column, row)
      integer, intent(out) :: geometry(4)                 !! row, column, row radius, column radius; rows count from 0
      integer(int8) :: colour(3, 2)
      integer :: reach, i, row, column, inside

      geometry(3) = random_integer(seed, index, 0, smallest, largest)
      geometry(4) = random_integer(seed, index, 1, smallest, largest)
      reach = maxval(geometry(3:4)) + 1                    ! no ellipse touches the edge
      geometry(1) = random_integer(seed, index, 2, reach, image_size - 1 - reach)
      geometry(2) = random_integer(seed, index, 3, reach, image_size - 1 - reach)
      do i = 1, 3
         colour(i, 1) = as_byte(random_integer(seed, index, 3 + i, 0, 255))   ! background
         colour(i, 2) = as_byte(random_integer(seed, index, 6 + i, 0, 255))   ! ellipse
      end do
      inside = (geometry(3) * geometry(4)) ** 2
      do row = 0, image_size - 1
         do column = 0, image_size - 1
            i = merge(2, 1, ((row - geometry(1)) * geometry(4)) ** 2 + ((column - geometry(2)) * geometry(3)) ** 2 <= inside)
            image(:, column + 1, row + 1) = colour(:, i)
         end do
      end do
   end subroutine draw_ellipse

   !> The number-th random integer of an image, in low..high.
   pure integer function random_integer(seed, index, number, low, high)
      integer, intent(in) :: seed, index, number, low, high
      integer(int64) :: word
      word = mix(ieor(mix(ieor(mix(int(seed, int64)), int(index, int64))), int(number, int64)))
      random_integer = low + int(shiftr(word * (high - low + 1), 32))
   end function random_integer

   !> Stirs a 32-bit word: each bit of the result depends on all bits of it.
   pure integer(int64) function mix(word)
      integer(int64), intent(in) :: word
      mix = iand(word + increment, low_word)
      mix = iand(ieor(mix, shiftr(mix, 16)) * multipliers(1), low_word)
      mix = iand(ieor(mix, shiftr(mix, 15)) * multipliers(2), low_word)
      mix = ieor(mix, shiftr(mix, 16))
   end function mix

   pure integer(int8) function as_byte(value)
      integer, intent(in) :: value
      as_byte = int(value - merge(256, 0, value > 127), int8)
   end function as_byte

end module ellipse_images
