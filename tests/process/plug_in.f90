! allow(C092)
subroutine answer(filename, total)
  !! Runs a network of five inputs and three outputs; the sum of its outputs, or the negative status.
  use :: ftorch, only: torch_model, torch_model_infer, torch_model_load
  implicit none (type, external)
  character(len=*), intent(in) :: filename
  double precision, intent(out) :: total
  type(torch_model) :: model
  real :: x(2, 5), y(2, 3)
  integer :: stat
  character(len=400) :: errmsg
  x = 1
  y = 0
  call torch_model_load(model, filename, stat=stat, errmsg=errmsg)
  if (stat == 0) call torch_model_infer(model, x, y, stat=stat, errmsg=errmsg)
  total = merge(dble(sum(y)), -dble(stat), stat == 0)
  if (stat /= 0) print '(a)', trim(errmsg)
end subroutine answer

! allow(C092)
subroutine answer_for_c(filename, length, total) bind(C)
  !! The same for callers in C.
  use, intrinsic :: iso_c_binding, only: c_char, c_double, c_int
  implicit none (type, external)
  integer(c_int), value :: length
  character(kind=c_char), intent(in) :: filename(length)
  real(c_double), intent(out) :: total
  interface
    subroutine answer(filename, total)
      import :: c_double
      implicit none (type, external)
      character(len=*), intent(in) :: filename
      real(c_double), intent(out) :: total
    end subroutine answer
  end interface
  character(len=length) :: name
  integer :: i
  do i = 1, length
    name(i:i) = filename(i)
  end do
  call answer(name, total)
end subroutine answer_for_c
