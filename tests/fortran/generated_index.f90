program generated_index
  !! Which index is which, on a field that is not square: two generated modules, one for each memory order.
  !!
  !! The networks return 100 row + column, counted from 0 as PyTorch does, plus their input. The argument is the file for Fortran's
  !! order.
  use, intrinsic :: iso_fortran_env, only: real32, real64
  use :: reversed_order, only: reversed_init => init, reversed_run => run, reversed_finalize => finalize
  use :: fortran_order, only: fortran_init => init, fortran_run => run, fortran_finalize => finalize
  use ftorch, only: torch_live_handles
  implicit none (type, external)
  integer, parameter :: rows = 3, columns = 5

  call reversed()
  call same()
  call sections()
  if (torch_live_handles() /= 0) error stop 'handles are left over'
  print '(a)', 'every index is in its place'

contains

  subroutine reversed()
    !! A model [batch, row, column] of a file for PyTorch's order takes field(column, row, batch).
    real(real32), target :: field(columns, rows, 2), marked(columns, rows, 2)
    integer :: i, j, k
    field = reshape([(0.001 * i, i=1, size(field))], shape(field))
    call reversed_init('reversed_order.pt')
    call reversed_run(field, marked)
    do k = 1, 2
      do j = 1, rows
        do i = 1, columns
          if (abs(marked(i, j, k) - (100 * (j - 1) + (i - 1) + field(i, j, k))) > 1e-4) error stop 'torch order'
        end do
      end do
    end do
    marked = 0
    call reversed_run(field(:, :, 2), marked(:, :, 2))
    if (abs(marked(4, 2, 2) - (100 + 3 + field(4, 2, 2))) > 1e-4) error stop 'torch order, one sample'
    call reversed_finalize()
  end subroutine reversed

  subroutine same()
    !! A model [batch, 3] of a file for Fortran's order takes a(batch, 3). It returns scale a + b and a - b + offset.
    real(real64), target :: a(4, 3), b(4, 3), sum_(4, 3), difference(4, 3), one(3), other(3)
    character(len=100) :: file
    integer :: i, j
    call get_command_argument(1, file)
    do j = 1, 3
      do i = 1, 4
        a(i, j) = 10 * i + j
        b(i, j) = i * j
      end do
    end do
    call fortran_init(trim(file))
    call fortran_run(a, b, sum_, difference)
    do j = 1, 3
      do i = 1, 4
        if (abs(sum_(i, j) - (2**(j - 1) * a(i, j) + b(i, j))) > 1e-12_real64) error stop 'fortran order, first output'
        if (abs(difference(i, j) - (a(i, j) - b(i, j) + j - 1)) > 1e-12_real64) error stop 'fortran order, second output'
      end do
    end do
    call fortran_run(a(2, :), b(2, :), one, other)
    if (any(abs(one - sum_(2, :)) > 1e-12_real64)) error stop 'fortran order, one sample'
    call fortran_finalize()
  end subroutine same

  subroutine sections()
    !! Sections are used where they lie, and what lies between is left alone.
    real(real32), target :: field(2 * columns, rows, 2), marked(2 * columns, rows, 2)
    field = 0
    marked = -1
    call reversed_init('reversed_order.pt')
    call reversed_run(field(1::2, :, :), marked(2::2, :, :))
    if (any(abs(marked(1::2, :, :) + 1) > 0)) error stop 'a section wrote between its elements'
    if (abs(marked(8, 3, 1) - 203) > 1e-4) error stop 'a section has its values elsewhere'
    call reversed_finalize()
  end subroutine sections

end program generated_index
