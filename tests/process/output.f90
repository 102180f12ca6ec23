program output
  !! Makes PyTorch and the libraries below it say what they have to say.
  use, intrinsic :: ieee_arithmetic, only: ieee_quiet_nan, ieee_value
  use, intrinsic :: iso_fortran_env, only: real64
  use :: ftorch
  implicit none (type, external)

  call of_pytorch()
  call of_lapack()
  if (torch_live_handles() /= 0) error stop 'handles are left'

contains

  subroutine of_pytorch()
    !! "std(): degrees of freedom is <= 0": a warning.
    type(torch_tensor) :: a, b
    call torch_tensor_full(a, 1.0)
    b = torch_std(a)
    b = torch_var(a)
  end subroutine of_pytorch

  subroutine of_lapack()
    !! Numbers that are none make LAPACK complain of its arguments.
    real(real64), target :: matrix(3, 3)
    type(torch_tensor) :: a, u, s, vh
    integer :: stat
    character(len=400) :: errmsg
    matrix = ieee_value(matrix, ieee_quiet_nan)
    call torch_tensor_from_array(a, matrix)
    call torch_svd(a, u, s, vh, stat=stat, errmsg=errmsg)
    call torch_eigh(a, u, s, stat=stat, errmsg=errmsg)
  end subroutine of_lapack

end program output
