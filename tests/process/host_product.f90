! allow(C092)
subroutine host_product(a, b, c)
  !! Compiled with the integers of the BLAS it is linked to.
  use, intrinsic :: iso_fortran_env, only: real64
  implicit none (type, external)
  real(real64), intent(in) :: a(3, 4), b(4, 2)
  real(real64), intent(out) :: c(3, 2)
  interface
    subroutine dgemm(transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
      import :: real64
      character, intent(in) :: transa, transb
      integer, intent(in) :: m, n, k, lda, ldb, ldc
      real(real64), intent(in) :: alpha, beta, a(lda, *), b(ldb, *)
      real(real64), intent(inout) :: c(ldc, *)
    end subroutine dgemm
  end interface
  c = 0
  call dgemm('N', 'N', 3, 2, 4, 1.0_real64, a, 3, b, 4, 0.0_real64, c, 3)
end subroutine host_product
