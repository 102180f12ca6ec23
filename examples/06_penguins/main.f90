!> Which species is this penguin, and how heavy is it? Two networks answer, on those penguins that they were not trained with:
!>
!>     penguins penguins.csv penguins-species.pt penguins-mass.pt results.csv
program penguins
   use, intrinsic :: iso_fortran_env, only: real32
   use penguin_table, only: penguins_t, read_penguins, species_name
   ! pt2ts fortran wrote these two modules. Both have init, run and finalize, so one program calls them by other names.
   use penguins_species, only: species_init => init, species_of => run, species_finalize => finalize
   use penguins_mass, only: mass_init => init, mass_of => run, mass_finalize => finalize
   implicit none (type, external)

   !> What the lecture asks about, and is told to be a Gentoo and an Adelie.
   real(real32), parameter :: slides(5, 2) = reshape( &
      [42.9, 13.1, 5000.0, 215.0, 0.0, 33.6, 11.3, 2000.0, 211.0, 1.0], [5, 2])
   integer, parameter :: told(2) = [3, 1]

   call run(argument(1), argument(2), argument(3), argument(4))

contains

   subroutine run(table_file, species_file, mass_file, results_file)
      character(len=*), intent(in) :: table_file, species_file, mass_file, results_file
      type(penguins_t) :: table
      real(real32), allocatable :: body(:, :), shape(:, :)           ! what the two networks want, one penguin in each column
      real(real32), allocatable :: probability(:, :), mass(:, :), one_probability(:), one_mass(:)
      real(real32) :: slide_probability(3, 2), difference, accuracy, error, simple
      integer, allocatable :: chosen(:), said(:)
      integer :: i, n
      logical :: passed

      table = read_penguins(table_file)
      chosen = pack([(i, i = 1, size(table%mass))], table%held_out)
      n = size(chosen)
      allocate (body(5, n), shape(4, n), probability(3, n), mass(1, n), one_probability(3), one_mass(1))
      body(1, :) = table%bill_length(chosen)
      body(2, :) = table%bill_depth(chosen)
      body(3, :) = table%mass(chosen)
      body(4, :) = table%flipper_length(chosen)
      body(5, :) = table%sex(chosen)
      shape(1, :) = table%sex(chosen)
      shape(2, :) = table%bill_length(chosen)
      shape(3, :) = table%bill_depth(chosen)
      shape(4, :) = table%flipper_length(chosen)

      call species_init(species_file)
      call mass_init(mass_file)
      call species_of(body, probability)                             ! all of them in one call
      call mass_of(shape, mass)
      call species_of(slides, slide_probability)

      ! The same, one by one: batch normalization and dropout must not make a difference any more.
      difference = 0
      do i = 1, n
         call species_of(body(:, i), one_probability)
         call mass_of(shape(:, i), one_mass)
         difference = max(difference, maxval(abs(one_probability - probability(:, i))), abs(one_mass(1) / mass(1, i) - 1))
      end do
      call species_finalize()
      call mass_finalize()

      said = maxloc(probability, dim=1)
      accuracy = count(said == table%species(chosen)) / real(n)
      associate (mean => sum(table%mass, mask=.not. table%held_out) / count(.not. table%held_out), truth => table%mass(chosen))
         error = sum(((mass(1, :) - truth) / mean) ** 2) / n
         simple = sum((1 - truth / mean) ** 2) / n
      end associate
      call write_results(results_file, table, chosen, said, mass(1, :))

      passed = .true.
      do i = 1, 2
         print '(a, i0, 2a, f6.3)', 'penguin ', i, ' of the lecture: ', &
            trim(species_name(maxloc(slide_probability(:, i), dim=1)))//', probability', maxval(slide_probability(:, i))
      end do
      call check(passed, all(maxloc(slide_probability, dim=1) == told), 'the penguins of the lecture are Gentoo and Adelie')
      call check(passed, n == 60, 'penguins held out: '//text(real(n), 0)//' (expected 60)')
      call check(passed, difference < 1e-5_real32, 'all at once and one by one: largest difference '//text(difference, 7))
      call check(passed, accuracy >= 0.95_real32, 'species accuracy: '//text(accuracy, 3)//' (needed 0.95)')
      call check(passed, error <= 0.012_real32, 'mass, mean squared error: '//text(error, 4)// &
         ' (needed 0.0120; predicting the mean '//text(simple, 4)//')')
      print '(2a)', 'penguins: ', merge('PASSED', 'FAILED', passed)
      if (.not. passed) stop 1
   end subroutine run

   subroutine check(passed, good, sentence)
      logical, intent(inout) :: passed
      logical, intent(in) :: good
      character(len=*), intent(in) :: sentence
      print '(3a)', merge('  ok    ', '  FAIL  ', good), sentence
      passed = passed .and. good
   end subroutine check

   subroutine write_results(file, table, chosen, said, mass)
      character(len=*), intent(in) :: file
      type(penguins_t), intent(in) :: table
      integer, intent(in) :: chosen(:), said(:)
      real(real32), intent(in) :: mass(:)
      integer :: unit, i
      open (newunit=unit, file=file, status='replace', action='write')
      write (unit, '(a)') 'species,said,mass_g,predicted_g'
      do i = 1, size(chosen)
         write (unit, '(2(a, ","), f0.1, ",", f0.1)') trim(species_name(table%species(chosen(i)))), &
            trim(species_name(said(i))), table%mass(chosen(i)), mass(i)
      end do
      close (unit)
   end subroutine write_results

   function text(number, digits)
      real(real32), intent(in) :: number
      integer, intent(in) :: digits
      character(len=:), allocatable :: text
      character(len=24) :: form, buffer
      write (form, '(a, i0, a)') '(f20.', digits, ')'
      write (buffer, form) number
      text = trim(adjustl(buffer))
      if (digits == 0) text = text(:len(text) - 1)                   ! without the point
   end function text

   function argument(number)
      integer, intent(in) :: number
      character(len=:), allocatable :: argument
      integer :: length
      call get_command_argument(number, length=length)
      if (length == 0) error stop 'usage: penguins penguins.csv penguins-species.pt penguins-mass.pt results.csv'
      allocate (character(len=length) :: argument)
      call get_command_argument(number, argument)
   end function argument

end program penguins
