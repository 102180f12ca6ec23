module layouts_kit
  !! Weights of any layout and dtype are optimized as plain ones are: the fused kernels, which walk memory from end to end, must
  !! neither see gaps nor touch what lies in them.
  use, intrinsic :: iso_fortran_env, only: real32, real64
  use :: ftorch
  implicit none (type, external)
  private
  public :: all_rules

  integer, parameter :: rows = 3, columns = 4, steps = 25

contains

  subroutine all_rules()
    character(len=8), parameter :: rules(*) = [character(len=8) :: 'sgd', 'adam', 'adamw', 'adagrad', 'rmsprop']
    integer :: i
    do i = 1, size(rules)
      call layouts(trim(rules(i)))
      call complex_weights(trim(rules(i)))
    end do
  end subroutine all_rules

  subroutine layouts(rule)
    !! The same values, contiguous, transposed, with gaps, and in single precision among double.
    character(len=*), intent(in) :: rule
    real(real64), target :: plain(rows, columns), turned(columns, rows), wide(2 * rows, 3 * columns)
    real(real32), target :: single(rows, columns)
    type(torch_tensor) :: w(4), goal
    integer :: i, j
    wide = -7
    do j = 1, columns
      do i = 1, rows
        plain(i, j) = sin(real(i + 5 * j, real64))
        turned(j, i) = plain(i, j)
      end do
    end do
    wide(1::2, 1::3) = plain
    single = real(plain, real32)
    call torch_tensor_from_array(w(1), plain, requires_grad=.true.)
    call torch_tensor_from_array(w(2), single, requires_grad=.true.)
    call torch_tensor_from_array(w(3), turned, permute_dims=[2, 1], requires_grad=.true.)
    call torch_tensor_from_array(w(4), wide(1::2, 1::3), requires_grad=.true.)
    call torch_tensor_full(goal, 0.3_real64)
    call train(rule, w, goal)
    if (maxval(abs(plain - sin(6.0_real64))) < 0.01_real64) error stop 'nothing was trained'
    if (maxval(abs(transpose(turned) - plain)) > 1e-14_real64) error stop 'transposed weights differ: ' // rule
    if (maxval(abs(wide(1::2, 1::3) - plain)) > 1e-14_real64) error stop 'weights with gaps differ: ' // rule
    if (maxval(abs(single - plain)) > 1e-4_real64) error stop 'single precision differs: ' // rule
    wide(1::2, 1::3) = -7
    if (any(abs(wide + 7) > 0)) error stop 'memory between the weights was written: ' // rule
  end subroutine layouts

  subroutine complex_weights(rule)
    !! Real and imaginary parts are trained like two real weights.
    character(len=*), intent(in) :: rule
    complex(real64), allocatable, target :: z(:)
      ! Allocated memory is aligned as PyTorch's kernels for complex numbers need it; that of a local array need not be.
    real(real64), target :: parts(2, columns)
    type(torch_tensor) :: w(2), loss
    type(torch_optim) :: optim
    integer :: i
    allocate (z(columns))
    do i = 1, columns
      parts(:, i) = [cos(real(i, real64)), sin(3.0_real64 * i)]
      z(i) = cmplx(parts(1, i), parts(2, i), real64)
    end do
    call torch_tensor_from_array(w(1), z, requires_grad=.true.)
    call torch_tensor_from_array(w(2), parts, requires_grad=.true.)
    call make(rule, optim, w)
    do i = 1, steps
      call optim%zero_grad()
      loss = torch_sum(torch_abs(w(1))**2) + torch_sum(w(2)**2)
      call torch_tensor_backward(loss)
      call optim%step()
    end do
    if (maxval(abs([real(z), aimag(z)] - [parts(1, :), parts(2, :)])) > 1e-12_real64) error stop 'complex weights differ: ' // rule
    if (maxval(abs(abs(z) - 1)) < 1e-3_real64) error stop 'complex weights were not trained'
  end subroutine complex_weights

  subroutine train(rule, w, goal)
    character(len=*), intent(in) :: rule
    type(torch_tensor), intent(in) :: w(:), goal
    type(torch_optim) :: optim
    type(torch_tensor) :: loss
    integer :: i, k
    call make(rule, optim, w)
    do i = 1, steps
      call optim%zero_grad()
      do k = 1, size(w)
        loss = torch_sum((w(k) - goal)**4)
        call torch_tensor_backward(loss)
      end do
      call optim%step()
    end do
  end subroutine train

  subroutine make(rule, optim, w)
    character(len=*), intent(in) :: rule
    type(torch_optim), intent(inout) :: optim
    type(torch_tensor), intent(in) :: w(:)
    real(real64), parameter :: rate = 0.01_real64
    select case (rule)
    case ('sgd')
      call torch_optim_SGD(optim, w, rate, momentum=0.5_real64, weight_decay=0.1_real64)
    case ('adam')
      call torch_optim_Adam(optim, w, rate, weight_decay=0.1_real64, amsgrad=.true.)
    case ('adamw')
      call torch_optim_AdamW(optim, w, rate)
    case ('adagrad')
      call torch_optim_Adagrad(optim, w, rate, weight_decay=0.1_real64)
    case default
      call torch_optim_RMSprop(optim, w, rate, momentum=0.5_real64, centered=.true.)
    end select
  end subroutine make

end module layouts_kit

program optimizer_layouts
  use :: ftorch, only: torch_live_handles
  use :: layouts_kit, only: all_rules
  implicit none (type, external)
  call all_rules()
  if (torch_live_handles() /= 0) error stop 'handles are left'
  print '(a)', 'all layouts'
end program optimizer_layouts
