program generated_sections
  !! One sample, given as sections of the host's arrays: every second place, and levels that run backwards.
  use, intrinsic :: iso_fortran_env, only: real64
  use :: sections_mod, only: finalize, init, run
  use ftorch, only: torch_live_handles
  implicit none (type, external)
  real(real64) :: x(5), y(3), wide(10), wide_y(6), column(2, 5), expected(3)
  character(len=16) :: file
  integer :: i
  call get_command_argument(1, file)
  call init(trim(file))
  x = [(real(i * i, real64) / 10, i=1, 5)]
  call run(x, expected)
  wide = 7
  wide(1::2) = x
  wide_y = 7
  call run(wide(1::2), wide_y(2::2))
  if (any(abs(wide_y(2::2) - expected) > 0) .or. any(abs(wide_y(1::2) - 7) > 0)) error stop 'every second place'
  column = 7
  column(2, :) = x
  call run(column(2, :), y)
  if (any(abs(y - expected) > 0)) error stop 'a row'
  column(1, :) = x(5:1:-1)
  call run(column(1, 5:1:-1), y(3:1:-1))
  if (any(abs(y(3:1:-1) - expected) > 0)) error stop 'backwards'
  call finalize()
  if (torch_live_handles() /= 0) error stop 'handles are left'
  print '(a)', 'right'
end program generated_sections
