program blas_host
  !! A host with a BLAS of its own. Prints what PyTorch computes, each result as its sum and one element.
  use, intrinsic :: iso_c_binding, only: c_associated, c_char, c_int, c_null_char, c_null_ptr, c_ptr
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: ftorch
  implicit none (type, external)
  interface
    subroutine host_product(a, b, c)
      !! c = a b by the host's dgemm
      import :: real64
      implicit none (type, external)
      real(real64), intent(in) :: a(3, 4), b(4, 2)
      real(real64), intent(out) :: c(3, 2)
    end subroutine host_product
    function host_calls() result(count) bind(c, name='host_calls')
      !! How often the host's BLAS was called; -1 where it does not count
      import :: c_int
      implicit none (type, external)
      integer(c_int) :: count
    end function host_calls
    function dlsym(handle, name) result(address) bind(c, name='dlsym')
      import :: c_char, c_ptr
      implicit none (type, external)
      type(c_ptr), value :: handle
      character(kind=c_char), intent(in) :: name(*)
      type(c_ptr) :: address
    end function dlsym
  end interface
  character(len=*), parameter :: names(*) = [character(len=24) :: 'sgemm_', 'dgetrf_', 'mkl_blas_sgemm', 'uv_version', &
    & 'ctorch_rebind']
  logical :: visible(size(names))
  integer :: calls, i
  visible = seen()
  calls = host_calls()
  do i = 1, 2
    call check_host()
    call use_torch()
  end do
  if (calls >= 0 .and. host_calls() - calls /= 2) error stop 'not the host, and the host alone, called the BLAS of the host'
  if (any(seen() .neqv. visible)) error stop 'a symbol of the library or of PyTorch can be seen by the host'

contains

  function seen()
    logical :: seen(size(names))
    integer :: k
    do k = 1, size(names)
      seen(k) = c_associated(dlsym(c_null_ptr, trim(names(k)) // c_null_char))
    end do
  end function seen

  subroutine check_host()
    real(real64) :: a(3, 4), b(4, 2), c(3, 2)
    integer :: k
    a = reshape([(real(k, real64), k=1, 12)], [3, 4])
    b = reshape([(real(13 - k, real64), k=1, 8)], [4, 2])
    call host_product(a, b, c)
    if (any(abs(c - matmul(a, b)) > 1e-9_real64)) error stop 'the host''s own product is wrong'
  end subroutine check_host

  subroutine use_torch()
    real(real32), target :: x(128, 64), y(128, 64), s(64, 128)
    real(real64), target :: a(6, 6), b(6, 2), c(6, 2)
    type(torch_model) :: script, package
    type(torch_tensor) :: left, right, product, solution
    integer :: k
    x = reshape([(-1 + 2 * real(k, real32) / (size(x) - 1), k=0, size(x) - 1)], shape(x))
    call torch_model_load(script, 'network.pt')
    call script%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    print '(a, 2es24.16)', 'TorchScript', sum(real(y, real64)), y(6, 4)
    call torch_model_load(package, 'network.pt2')
    call package%infer(x, s, permute_dims=[2, 1], output_permute_dims=[2, 1])
    print '(a, 2es24.16)', 'package', sum(real(s, real64)), s(6, 4)
    a = reshape([(real(mod(7 * k, 11) + merge(20, 0, mod(k, 7) == 0), real64), k=0, 35)], [6, 6])
    b = reshape([(real(k, real64), k=0, 11)], [6, 2])
    call torch_tensor_from_array(left, a)
    call torch_tensor_from_array(right, b)
    product = torch_matmul(left, right)
    call torch_tensor_copy_to(product, c)
    print '(a, 2es24.16)', 'product', sum(c), c(6, 2)
    solution = torch_solve(left, right)
    call torch_tensor_copy_to(solution, c)
    print '(a, 2es24.16)', 'solution', sum(c), c(6, 2)
  end subroutine use_torch

end program blas_host
