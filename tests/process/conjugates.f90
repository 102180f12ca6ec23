program conjugates
  !! Results that are conjugated or negated only when they are read: every way out of the library gives the values themselves.
  use, intrinsic :: iso_fortran_env, only: real32
  use :: ftorch
  implicit none (type, external)
  complex(real32), parameter :: i = (0.0_real32, 1.0_real32)
  call all_ways()
  if (torch_live_handles() /= 0) error stop 'handles are left'
  print '(a)', 'all right'

contains

  subroutine all_ways()
    call short_way()
    call state()
  end subroutine all_ways

  subroutine short_way()
    type(torch_model) :: conjugate, imaginary
    type(torch_tensor) :: x, y(1), fresh(1)
    complex(real32), target :: a(2, 3), b(2, 3), c(2, 3)
    complex(real32), pointer :: p(:, :)
    real(real32), target :: u(2, 3), v(2, 3)
    real(real32), pointer :: q(:, :)
    a = reshape([1 + 2 * i, 3 - i, 4 * i, 5 + 0 * i, -1 - i, 2 + 7 * i], [2, 3])
    call torch_tensor_from_array(x, a)
    call torch_model_load(conjugate, 'conjugate.pt')
    call conjugate%infer(a, b)
    call right('infer of a conjugate', all(abs(b - conjg(a)) == 0))
    call torch_tensor_from_array(y(1), c)
    call conjugate%forward([x], y)
    call right('forward of a conjugate', all(abs(c - conjg(a)) == 0))
    call conjugate%forward([x], fresh)
    call torch_tensor_to_array(fresh(1), p)
    call right('pointer to a fresh conjugate', all(abs(p - conjg(a)) == 0))
    call torch_model_load(imaginary, 'negative_imaginary.pt')
    call imaginary%infer(a, u)
    call right('infer of a negated view', all(u == -aimag(a)))
    call torch_tensor_from_array(y(1), v)
    call imaginary%forward([x], y)
    call right('forward of a negated view', all(v == -aimag(a)))
    call torch_tensor_delete(fresh(1))
    call imaginary%forward([x], fresh)
    call torch_tensor_to_array(fresh(1), q)
    call right('pointer to a fresh negated view', all(q == -aimag(a)))
  end subroutine short_way

  subroutine state()
    type(torch_model) :: model
    type(torch_tensor) :: weight
    complex(real32), pointer :: p(:)
    real(real32), pointer :: q(:)
    call torch_model_load(model, 'weights.pt')
    call torch_model_load_state(model, 'marked.state')
    call torch_model_get_parameter(model, 'z', weight)
    call torch_tensor_to_array(weight, p)
    call right('conjugated weight of a file', all(abs(p - [1 - 2 * i, 3 - 4 * i]) == 0))
    call torch_model_get_parameter(model, 'r', weight)
    call torch_tensor_to_array(weight, q)
    call right('negated weight of a file', all(q == [-2.0_real32, -4.0_real32]))
  end subroutine state

  subroutine right(what, yes)
    character(len=*), intent(in) :: what
    logical, intent(in) :: yes
    if (yes) return
    print '(a)', what
    error stop 'a wrong value'
  end subroutine right
end program conjugates
