module misuse_losses_scenarios
  !! Losses of things that do not belong together.
  use, intrinsic :: iso_fortran_env, only: int32, int64, real64
  use :: ftorch
  use :: misuse_kit, only: expect, scenario
  implicit none (type, external)
  private
  public :: loss_scenarios

contains

  function loss_scenarios() result(table)
    type(scenario), allocatable :: table(:)
    table = [scenario('loss_shapes', loss_shapes), scenario('loss_reduction', loss_reduction), &
      scenario('loss_classes', loss_classes), scenario('loss_class_range', loss_class_range), &
      scenario('loss_variance_shape', loss_variance_shape), scenario('loss_variance_sign', loss_variance_sign), &
      scenario('loss_probability', loss_probability), scenario('loss_array', loss_array), &
      scenario('loss_not_set', loss_not_set), scenario('loss_weight', loss_weight)]
  end function loss_scenarios

  subroutine make(x, y)
    type(torch_tensor), intent(inout) :: x, y
    x = torch_ones([4, 3])
    y = torch_zeros([4, 3])
  end subroutine make

  subroutine loss_shapes(stat, errmsg)
    !! A column and a row: PyTorch would make a square of them.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y, loss
    x = torch_ones([4, 1])
    y = torch_ones([4])
    call torch_loss_mse(loss, x, y, stat=stat, errmsg=errmsg)
  end subroutine loss_shapes

  subroutine loss_reduction(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y, loss
    call make(x, y)
    call torch_loss_l1(loss, x, y, 3_int32, stat=stat, errmsg=errmsg)
  end subroutine loss_reduction

  subroutine loss_classes(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y, loss, classes
    integer, target :: numbers(4)
    call make(x, y)
    numbers = 1
    call torch_tensor_from_array(classes, numbers)
    call torch_loss_cross_entropy(loss, x, classes, stat=stat, errmsg=errmsg)
  end subroutine loss_classes

  subroutine loss_class_range(stat, errmsg)
    !! Classes count from 0: three of them are 0, 1 and 2.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y, loss, classes
    integer(int64), target :: numbers(4)
    call make(x, y)
    numbers = 3
    call torch_tensor_from_array(classes, numbers)
    call torch_loss_nll(loss, x, classes, stat=stat, errmsg=errmsg)
  end subroutine loss_class_range

  subroutine loss_variance_shape(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y, loss
    call make(x, y)
    call torch_loss_gaussian_nll(loss, x, y, torch_ones([3]), stat=stat, errmsg=errmsg)
  end subroutine loss_variance_shape

  subroutine loss_variance_sign(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y, loss
    call make(x, y)
    call torch_loss_gaussian_nll(loss, x, y, -x, stat=stat, errmsg=errmsg)
  end subroutine loss_variance_sign

  subroutine loss_probability(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y, loss
    call make(x, y)
    call torch_loss_bce(loss, x * 2, y, stat=stat, errmsg=errmsg)
  end subroutine loss_probability

  subroutine loss_array(stat, errmsg)
    !! Twelve losses do not go into an array of one element, and it keeps its value.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y, loss
    real(real64), target :: one(1)
    call make(x, y)
    one = -1
    call torch_tensor_from_array(loss, one)
    call torch_loss_mse(loss, x, y, torch_kNone, stat=stat, errmsg=errmsg)
    call expect(abs(one(1) + 1) <= 0, 'the array is untouched')
  end subroutine loss_array

  subroutine loss_not_set(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y, loss, nothing
    call make(x, y)
    call torch_loss_huber(loss, x, nothing, stat=stat, errmsg=errmsg)
  end subroutine loss_not_set

  subroutine loss_weight(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y, loss
    call make(x, y)
    call torch_loss_cross_entropy(loss, x, y, weight=torch_ones([2]), stat=stat, errmsg=errmsg)
  end subroutine loss_weight

end module misuse_losses_scenarios

program misuse_losses
  use :: misuse_kit, only: run_scenarios
  use :: misuse_losses_scenarios, only: loss_scenarios
  implicit none (type, external)
  call run_scenarios(loss_scenarios())
end program misuse_losses
