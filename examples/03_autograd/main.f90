!> The tangent of a material that is a network, as an implicit solver needs it: exact, from autograd.
!>
!>     tangent MODEL.pt
program tangent
   use, intrinsic :: iso_fortran_env, only: real64
   use ftorch
   implicit none (type, external)
   character(len=1000) :: model_file

   call get_command_argument(1, model_file)
   if (model_file == '') error stop 'usage: tangent MODEL.pt'
   call run(model_file)

contains

   ! The work is in a subroutine, because what a main program declares is never freed.
   subroutine run(model_file)
      character(len=*), intent(in) :: model_file
      type(torch_model) :: model
      real(real64), target :: strain(3), stress(3), exact(3, 3)
      real(real64) :: measured(3, 3)

      call torch_model_load(model, model_file)
      strain = [1e-3_real64, -3e-4_real64, 5e-4_real64]

      call model%jacobian(strain, exact, stress)                 ! stress and d stress / d strain from one run
      measured = finite_differences(model, strain)
      call print_table(exact, measured)
      if (.not. all(abs(exact - measured) < 1e-7_real64 * maxval(abs(exact)))) error stop 'tangent: the tangent is wrong'

      call solve(model, [250.0_real64, 80.0_real64, 40.0_real64])
      print '(a)', 'tangent: all derivatives right, Newton converged'
   end subroutine run

   !> The same derivatives by moving each strain both ways: six runs of the network, and half of the digits.
   function finite_differences(model, strain) result(tangent)
      type(torch_model), intent(in) :: model
      real(real64), intent(in) :: strain(3)
      real(real64), parameter :: step = 1e-8_real64
      real(real64), target :: moved(3), above(3), below(3)
      real(real64) :: tangent(3, 3)
      integer :: j

      do j = 1, 3
         moved = strain
         moved(j) = strain(j) + step
         call model%infer(moved, above)
         moved(j) = strain(j) - step
         call model%infer(moved, below)
         tangent(:, j) = (above - below) / (2 * step)
      end do
   end function finite_differences

   subroutine print_table(exact, measured)
      real(real64), intent(in) :: exact(:, :), measured(:, :)
      character(len=2), parameter :: name(3) = ['xx', 'yy', 'xy']
      integer :: i, j

      print '(a)', 'derivatives of the stress, MPa', '   d stress  d strain      autograd   differences'
      do i = 1, 3
         do j = 1, 3
            print '(2a11,2f14.2)', name(i), name(j), exact(i, j), measured(i, j)
         end do
      end do
   end subroutine print_table

   !> Newton's method for the strain that belongs to a stress. With the exact tangent the error is squared in each iteration.
   subroutine solve(model, wanted)
      type(torch_model), intent(in) :: model
      real(real64), intent(in) :: wanted(3)
      real(real64), target :: strain(3), stress(3), tangent(3, 3)
      integer :: iteration

      strain = 0
      print '(a)', 'Newton iteration   residual, MPa'
      do iteration = 0, 7
         call model%jacobian(strain, tangent, stress)
         print '(i16,es16.1)', iteration, maxval(abs(wanted - stress))
         if (maxval(abs(wanted - stress)) < 1e-9_real64) return
         strain = strain + solution(tangent, wanted - stress)
      end do
      error stop 'tangent: Newton did not converge'
   end subroutine solve

   !> x of a x = b by Cramer's rule.
   pure function solution(a, b) result(x)
      real(real64), intent(in) :: a(3, 3), b(3)
      real(real64) :: x(3), replaced(3, 3)
      integer :: j

      do j = 1, 3
         replaced = a
         replaced(:, j) = b
         x(j) = determinant(replaced) / determinant(a)
      end do
   end function solution

   pure real(real64) function determinant(a)
      real(real64), intent(in) :: a(3, 3)
      determinant = dot_product(a(:, 1), [a(2, 2) * a(3, 3) - a(3, 2) * a(2, 3), a(3, 2) * a(1, 3) - a(1, 2) * a(3, 3), &
         a(1, 2) * a(2, 3) - a(2, 2) * a(1, 3)])
   end function determinant

end program tangent
