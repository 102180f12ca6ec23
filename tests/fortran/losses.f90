program losses
  !! Reads cases from a file, computes each loss with its gradients, and writes them: `losses CASES RESULTS`. Every case is computed
  !! into a new tensor and into one that wraps an array; the two must be the same.
  use, intrinsic :: iso_c_binding, only: c_loc
  use, intrinsic :: iso_fortran_env, only: int32, int64, int8, real64
  use :: ftorch
  implicit none (type, external)
  integer :: cases, results, count, i
  character(len=256) :: name

  call get_command_argument(1, name)
  open (newunit=cases, file=name, access='stream', form='unformatted', action='read', status='old')
  call get_command_argument(2, name)
  open (newunit=results, file=name, access='stream', form='unformatted', action='write', status='replace')
  read (cases) count
  do i = 1, count
    call one_case()
  end do
  if (torch_live_handles() /= 0) error stop 'handles are left'

contains

  subroutine one_case()
    character(len=24) :: loss_name
    integer(int32) :: reduction
    real(real64) :: option
    integer(int64) :: ignored
    integer(int8), allocatable, target :: memory(:, :)
    type(torch_tensor) :: tensors(5), loss, wrapped, gradient, again
    real(real64), allocatable :: first(:), second(:)
    real(real64), target :: scalar(1)
    integer :: k
    read (cases) loss_name, reduction, option, ignored
    allocate (memory(800, 5))
    do k = 1, 5  ! input, target, variance, weight, pos_weight
      call read_tensor(tensors(k), memory(:, k), k == 1 .or. k == 3)
    end do
    call compute(loss, loss_name, reduction, option, ignored, tensors)
    call write_values(loss, first)
    call differentiate(loss, reduction)
    call torch_tensor_get_gradient(gradient, tensors(1))
    call write_values(gradient, second)
    if (loss_name == 'gaussian_nll') then
      call torch_tensor_get_gradient(gradient, tensors(3))
      call write_values(gradient)
    end if
    if (reduction == torch_kNone) return
    call torch_tensor_zero_grad(tensors(1))
    call torch_tensor_from_array(wrapped, scalar)
    call compute(wrapped, loss_name, reduction, option, ignored, tensors)
    if (abs(scalar(1) - first(1)) > 1e-6 * abs(first(1))) error stop 'the wrapped loss differs'
    call torch_tensor_backward(wrapped)
    call torch_tensor_get_gradient(gradient, tensors(1))
    again = torch_to(torch_reshape(gradient, [-1]), torch_kFloat64)
    call torch_tensor_to_array(again, first)
    if (any(abs(first - second) > 1e-6 * abs(second))) error stop 'the gradient of the wrapped loss differs'
  end subroutine one_case

  subroutine compute(loss, loss_name, reduction, option, ignored, t)
    type(torch_tensor), intent(inout) :: loss
    character(len=*), intent(in) :: loss_name
    integer(int32), intent(in) :: reduction
    real(real64), intent(in) :: option
    integer(int64), intent(in) :: ignored
    type(torch_tensor), intent(in) :: t(5)
    select case (loss_name)
    case ('mse')
      if (reduction == torch_kMean) call torch_loss_mse(loss, t(1), t(2))
      if (reduction /= torch_kMean) call torch_loss_mse(loss, t(1), t(2), reduction)
    case ('l1')
      call torch_loss_l1(loss, t(1), t(2), reduction_type=reduction)
    case ('smooth_l1')
      call torch_loss_smooth_l1(loss, t(1), t(2), reduction, beta=option)
    case ('huber')
      call torch_loss_huber(loss, t(1), t(2), reduction, delta=real(option))
    case ('cross_entropy')
      call torch_loss_cross_entropy(loss, t(1), t(2), reduction, t(4), int(ignored), option)
    case ('nll')
      call torch_loss_nll(loss, t(1), t(2), reduction, t(4), ignore_index=int(ignored))
    case ('bce')
      call torch_loss_bce(loss, t(1), t(2), reduction, t(4))
    case ('bce_with_logits')
      call torch_loss_bce_with_logits(loss, t(1), t(2), reduction, t(4), t(5))
    case ('kl_div')
      call torch_loss_kl_div(loss, t(1), t(2), reduction, log_target=option > 0)
    case ('gaussian_nll')
      call torch_loss_gaussian_nll(loss, t(1), t(2), t(3), reduction, full=option > 0)
    case default
      error stop 'no such loss'
    end select
  end subroutine compute

  subroutine differentiate(loss, reduction)
    type(torch_tensor), intent(in) :: loss
    integer(int32), intent(in) :: reduction
    if (reduction == torch_kNone) then
      call torch_tensor_backward(loss, torch_ones_like(loss))
    else
      call torch_tensor_backward(loss)
    end if
  end subroutine differentiate

  subroutine read_tensor(tensor, memory, requires_grad)
    !! Memory in the order of numpy; dtype -1 stands for an argument that is left out.
    type(torch_tensor), intent(inout) :: tensor
    integer(int8), intent(inout), target :: memory(:)
    logical, intent(in) :: requires_grad
    integer(int32) :: dtype, rank, bytes, k
    integer(int64), allocatable :: extents(:)
    read (cases) dtype, rank, bytes
    if (dtype < 0) return
    allocate (extents(rank))
    read (cases) extents
    read (cases) memory(:bytes)
    call torch_tensor_from_pointer(tensor, c_loc(memory), rank, extents, [(k, k=rank, 1, -1)], dtype, torch_kCPU, &
      requires_grad=requires_grad)
  end subroutine read_tensor

  subroutine write_values(tensor, values)
    type(torch_tensor), intent(in) :: tensor
    real(real64), allocatable, optional, intent(out) :: values(:)
    type(torch_tensor) :: flat
    real(real64), allocatable :: array(:)
    flat = torch_to(torch_reshape(tensor, [-1]), torch_kFloat64)
    call torch_tensor_to_array(flat, array)
    write (results) int(tensor%get_rank()), size(array), array
    if (present(values)) values = array
  end subroutine write_values

end program losses
