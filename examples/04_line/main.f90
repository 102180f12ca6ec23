!> The straight line y = m x + c through three points, found by plain gradient descent: `line [learning_rate]`.
program line
   use, intrinsic :: iso_fortran_env, only: error_unit, real64
   use ftorch
   implicit none (type, external)

   call fit(argument_or(0.1_real64))

contains

   subroutine fit(learning_rate)
      real(real64), intent(in) :: learning_rate
      real(real64), target :: x(3), y(3), m(1), c(1), loss(1), dm(1), dc(1)
      type(torch_tensor) :: tx, ty, tm, tc, tloss, tdm, tdc, prediction
      real(real64) :: before
      integer :: step, grown

      x = [1.0_real64, 2.0_real64, 3.0_real64]
      y = [2.1_real64, 3.9_real64, 6.2_real64]
      m = 0
      c = 0
      call torch_tensor_from_array(tx, x)
      call torch_tensor_from_array(ty, y)
      call torch_tensor_from_array(tm, m, requires_grad=.true.)    ! the two numbers to be found
      call torch_tensor_from_array(tc, c, requires_grad=.true.)
      call torch_tensor_from_array(tloss, loss)                    ! results are written into arrays
      call torch_tensor_from_array(tdm, dm)
      call torch_tensor_from_array(tdc, dc)

      print '(a, f7.4)', 'learning rate', learning_rate
      print '(a)', '  step         loss           m           c'
      before = huge(before)
      grown = 0
      do step = 1, 100000
         prediction = tm * tx + tc
         call torch_loss_mse(tloss, prediction, ty)                ! mean((y - (m x + c))**2)
         call tm%zero_grad()
         call tc%zero_grad()
         call torch_tensor_backward(tloss)
         call torch_tensor_get_gradient(tdm, tm)
         call torch_tensor_get_gradient(tdc, tc)
         if (shown(step)) print '(i6, es13.5, 2f12.6)', step, loss, m, c

         grown = merge(grown + 1, 0, loss(1) > before)             ! below the limit the loss never grows
         if (grown == 5 .or. .not. loss(1) <= huge(loss)) call diverges(x, learning_rate, step, loss(1))
         if (max(abs(dm(1)), abs(dc(1))) < 1e-8_real64) exit
         before = loss(1)

         m = m - learning_rate * dm                                ! tm and tc are these arrays: they see it
         c = c - learning_rate * dc
      end do
      print '(a, i0, a, a, f8.6, a, f9.6, a, es12.5)', 'after ', step, ' steps', ': m = ', m(1), ', c = ', c(1), ', loss =', loss(1)

      if (abs(m(1) - 2.05_real64) > 1e-5_real64) error stop 'line: m is not 2.05'
      if (abs(c(1) + 1 / 30.0_real64) > 1e-5_real64) error stop 'line: c is not -1/30'
      if (abs(loss(1) - 1 / 72.0_real64) > 1e-5_real64) error stop 'line: the loss is not 1/72'
      print '(a)', 'line: the numbers of the closed form, m = 2.05, c = -1/30, loss = 1/72'
   end subroutine fit

   !> Steps whose numbers are shown: 1 2 5 10 20 50 ...
   pure logical function shown(step)
      integer, intent(in) :: step
      integer :: leading
      leading = step
      do while (mod(leading, 10) == 0)
         leading = leading / 10
      end do
      shown = leading == 1 .or. leading == 2 .or. leading == 5
   end function shown

   !> Says why, and stops. Each step multiplies the error along a direction of curvature k by 1 - learning_rate * k, which must
   !> stay above -1. The largest curvature is an eigenvalue of the matrix of second derivatives of the loss.
   subroutine diverges(x, learning_rate, step, loss)
      real(real64), intent(in) :: x(:), learning_rate, loss
      integer, intent(in) :: step
      real(real64) :: mm, mc, cc, largest
      mm = 2 * sum(x ** 2) / size(x)
      mc = 2 * sum(x) / size(x)
      cc = 2
      largest = (mm + cc) / 2 + sqrt(((mm - cc) / 2) ** 2 + mc ** 2)
      write (error_unit, '(a, i0, a, es9.2)') 'line: diverges: the loss grows, at step ', step, ' it is', loss
      write (error_unit, '(2(a, f7.4))') 'line: the learning rate is', learning_rate, ', it must be below', 2 / largest
      stop 1, quiet=.true.
   end subroutine diverges

   real(real64) function argument_or(default)
      real(real64), intent(in) :: default
      character(len=32) :: word
      integer :: status
      argument_or = default
      if (command_argument_count() == 0) return
      call get_command_argument(1, word)
      read (word, *, iostat=status) argument_or
      if (status /= 0 .or. argument_or <= 0) error stop 'usage: line [learning_rate]'
   end function argument_or

end program line
