!> A table of penguins, out of a file with one line for each and values between commas.
module penguin_table
   use, intrinsic :: iso_fortran_env, only: iostat_end, real32
   implicit none (type, external)
   private
   public :: penguins_t, read_penguins, species_name

   character(len=*), parameter :: species_name(3) = [character(len=9) :: 'Adelie', 'Chinstrap', 'Gentoo']

   type :: penguins_t
      logical, allocatable :: held_out(:)                           !! not seen in training
      integer, allocatable :: species(:)                            !! place in species_name
      real(real32), allocatable :: bill_length(:), bill_depth(:)    !! mm
      real(real32), allocatable :: flipper_length(:), mass(:)       !! mm, g
      real(real32), allocatable :: sex(:)                           !! 1 male, 0 female
   end type penguins_t

   character(len=*), parameter :: heading = 'held_out,species,island,bill_length_mm,bill_depth_mm,flipper_length_mm,' // &
      'body_mass_g,sex,year'

contains

   !> Stops with a message where the file is not such a table.
   function read_penguins(file) result(table)
      character(len=*), intent(in) :: file
      type(penguins_t) :: table
      character(len=128) :: line
      integer :: unit, status, n, number

      open (newunit=unit, file=file, status='old', action='read', iostat=status)
      if (status /= 0) call refuse(file, 0, 'cannot be opened')
      read (unit, '(a)', iostat=status) line
      if (status /= 0 .or. line /= heading) call refuse(file, 1, 'is not the heading '//heading)
      n = 0
      do
         read (unit, '(a)', iostat=status) line
         if (status == iostat_end) exit
         n = n + 1
      end do
      allocate (table%held_out(n), table%species(n), table%bill_length(n), table%bill_depth(n), table%flipper_length(n), &
         table%mass(n), table%sex(n))
      rewind (unit)
      read (unit, '(a)') line
      do number = 1, n
         read (unit, '(a)') line
         call take(line, number, file, table)
      end do
      close (unit)
   end function read_penguins

   subroutine take(line, number, file, table)
      character(len=*), intent(in) :: line, file
      integer, intent(in) :: number
      type(penguins_t), intent(inout) :: table
      character(len=16) :: word(9)
      integer :: i, status

      read (line, *, iostat=status) word                            ! commas separate
      if (status /= 0) call refuse(file, number + 1, 'has fewer than nine values')
      table%held_out(number) = word(1) == '1'
      table%species(number) = findloc([(word(2) == species_name(i), i = 1, 3)], .true., dim=1)
      if (table%species(number) == 0) call refuse(file, number + 1, 'has the unknown species '//trim(word(2)))
      if (word(8) /= 'male' .and. word(8) /= 'female') call refuse(file, number + 1, 'has the unknown sex '//trim(word(8)))
      table%sex(number) = merge(1.0_real32, 0.0_real32, word(8) == 'male')
      table%bill_length(number) = number_in(word(4))
      table%bill_depth(number) = number_in(word(5))
      table%flipper_length(number) = number_in(word(6))
      table%mass(number) = number_in(word(7))

   contains

      real(real32) function number_in(text)
         character(len=*), intent(in) :: text
         read (text, *, iostat=status) number_in
         if (status /= 0) call refuse(file, number + 1, 'has '//trim(text)//' where a number belongs')
      end function number_in

   end subroutine take

   subroutine refuse(file, line, reason)
      character(len=*), intent(in) :: file, reason
      integer, intent(in) :: line
      character(len=12) :: digits
      write (digits, '(i0)') line
      error stop 'penguins: line '//trim(digits)//' of '//file//' '//reason
   end subroutine refuse

end module penguin_table
