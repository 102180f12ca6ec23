module misuse_tensors_scenarios
  !! Sizes nobody has, gradients that do not exist, targets that do not fit.
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: ftorch
  use :: misuse_kit, only: expect, scenario
  implicit none (type, external)
  private
  public :: tensor_scenarios

contains

  function tensor_scenarios() result(table)
    type(scenario), allocatable :: table(:)
    table = [scenario('ndims_wrong', ndims_wrong), scenario('rank_16', rank_16), scenario('negative_extent', negative_extent), &
      scenario('huge_shape', huge_shape), scenario('huger_shape', huger_shape), scenario('huge_full', huge_full), &
      scenario('backward_no_grad', backward_no_grad), scenario('backward_no_gradient', backward_no_gradient), &
      scenario('backward_shape', backward_shape), scenario('gradient_missing', gradient_missing), &
      scenario('sum_narrows', sum_narrows), scenario('sum_widens', sum_widens), &
      scenario('to_shape', to_shape), scenario('to_unset_target', to_unset_target), &
      scenario('threads_negative', threads_negative), scenario('synchronize_absent', synchronize_absent)]
  end function tensor_scenarios

  subroutine ndims_wrong(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    call torch_tensor_empty(t, 3, [2_int64, 3_int64], torch_kFloat64, torch_kCPU, stat=stat, errmsg=errmsg)
  end subroutine ndims_wrong

  subroutine rank_16(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    integer(int64) :: ones(16)
    ones = 1
    call torch_tensor_ones(t, 16, ones, torch_kFloat64, torch_kCPU, stat=stat, errmsg=errmsg)
  end subroutine rank_16

  subroutine negative_extent(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    call torch_tensor_zeros(t, 2, [2_int64, -3_int64], torch_kFloat64, torch_kCPU, stat=stat, errmsg=errmsg)
  end subroutine negative_extent

  subroutine huge_shape(stat, errmsg)
    !! Petabytes: more than any machine has.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    call torch_tensor_empty(t, 1, [1000000000000000_int64], torch_kFloat64, torch_kCPU, stat=stat, errmsg=errmsg)
  end subroutine huge_shape

  subroutine huger_shape(stat, errmsg)
    !! More bytes than an integer counts.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    call torch_tensor_empty(t, 2, [huge(1_int64) / 2, 8_int64], torch_kFloat64, torch_kCPU, stat=stat, errmsg=errmsg)
  end subroutine huger_shape

  subroutine huge_full(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    call torch_tensor_full(t, 1.0_real64, [huge(1_int64), 1_int64], stat=stat, errmsg=errmsg)
  end subroutine huge_full

  subroutine backward_no_grad(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t
    call torch_tensor_full(t, 1.0)
    call torch_tensor_backward(t, stat=stat, errmsg=errmsg)
  end subroutine backward_no_grad

  subroutine backward_no_gradient(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t, u
    call torch_tensor_ones(t, 1, [4_int64], torch_kFloat64, torch_kCPU, requires_grad=.true.)
    u = t * t
    call torch_tensor_backward(u, stat=stat, errmsg=errmsg)
  end subroutine backward_no_gradient

  subroutine backward_shape(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t, u, g
    call torch_tensor_ones(t, 1, [4_int64], torch_kFloat64, torch_kCPU, requires_grad=.true.)
    call torch_tensor_ones(g, 1, [3_int64], torch_kFloat64, torch_kCPU)
    u = t * t
    call torch_tensor_backward(u, g, stat=stat, errmsg=errmsg)
  end subroutine backward_shape

  subroutine gradient_missing(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t, g
    call torch_tensor_ones(t, 1, [4_int64], torch_kFloat64, torch_kCPU, requires_grad=.true.)
    call torch_tensor_get_gradient(g, t, stat=stat, errmsg=errmsg)
  end subroutine gradient_missing

  subroutine sum_narrows(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: total(1)
    type(torch_tensor) :: t, u
    call torch_tensor_ones(t, 1, [4_int64], torch_kFloat64, torch_kCPU)
    call torch_tensor_from_array(u, total)
    call torch_tensor_sum(u, t, stat=stat, errmsg=errmsg)
  end subroutine sum_narrows

  subroutine sum_widens(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real64), target :: total(1)
    type(torch_tensor) :: t, u
    call torch_tensor_ones(t, 1, [4_int64], torch_kFloat32, torch_kCPU)
    call torch_tensor_from_array(u, total)
    call torch_tensor_sum(u, t, stat=stat, errmsg=errmsg)
    call expect(abs(total(1) - 4) <= 0, 'the sum')
  end subroutine sum_widens

  subroutine to_shape(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t, u
    call torch_tensor_ones(t, 1, [4_int64], torch_kFloat64, torch_kCPU)
    call torch_tensor_ones(u, 1, [1_int64], torch_kFloat32, torch_kCPU)
    call torch_tensor_to(u, t, stat=stat, errmsg=errmsg)
  end subroutine to_shape

  subroutine to_unset_target(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: t, u
    call torch_tensor_ones(t, 1, [4_int64], torch_kFloat64, torch_kCPU)
    call torch_tensor_to(t, u, stat=stat, errmsg=errmsg)
  end subroutine to_unset_target

  subroutine threads_negative(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call torch_set_num_threads(-2, stat=stat, errmsg=errmsg)
  end subroutine threads_negative

  subroutine synchronize_absent(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call torch_synchronize(torch_kCUDA, stat=stat, errmsg=errmsg)
  end subroutine synchronize_absent

end module misuse_tensors_scenarios

program misuse_tensors
  use :: misuse_kit, only: run_scenarios
  use :: misuse_tensors_scenarios, only: tensor_scenarios
  implicit none (type, external)
  call run_scenarios(tensor_scenarios())
end program misuse_tensors
