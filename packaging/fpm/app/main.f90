program main
  use ftorch
  implicit none (type, external)
  call work()
contains
  subroutine work()
    type(torch_tensor) :: a, b
    real, target :: x(2, 3)
    real, pointer :: y(:, :)
    x = 1.5
    call torch_tensor_from_array(a, x)
    b = a + a
    call torch_tensor_to_array(b, y)
    print '(a, 6f4.1)', 'sum', y
  end subroutine work
end program main
