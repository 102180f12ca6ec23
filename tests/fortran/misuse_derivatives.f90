module misuse_derivatives_scenarios
  !! What can go wrong with the functions of derivatives, which stop the program, and with the derivatives of models.
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: ftorch
  use :: misuse_kit, only: expect, scenario, succeed
  implicit none (type, external)
  private
  public :: derivative_scenarios

contains

  function derivative_scenarios() result(table)
    type(scenario), allocatable :: table(:)
    table = [scenario('jac_shape', jac_shape), scenario('jac_dtype', jac_dtype), scenario('jac_permuted', jac_permuted), &
      scenario('jac_unallocated', jac_unallocated), scenario('x_dtype', x_dtype), scenario('x_integer', x_integer), &
      scenario('y_shape', y_shape), scenario('two_inputs', two_inputs), scenario('not_loaded', not_loaded), &
      scenario('hessian_of_several', hessian_of_several), scenario('in_batch', in_batch), &
      scenario('stops_unrelated', stops_unrelated), scenario('stops_copy', stops_copy), &
      scenario('stops_complex', stops_complex), scenario('stops_hessian_of_vector', stops_hessian_of_vector), &
      scenario('stops_vjp_shape', stops_vjp_shape), scenario('stops_jvp_shape', stops_jvp_shape), &
      scenario('stops_freed', stops_freed), scenario('stops_not_recorded', stops_not_recorded), &
      scenario('stops_gradient_missing', stops_gradient_missing)]
  end function derivative_scenarios

  subroutine make(x, y)
    !! y = x**2 of three elements
    type(torch_tensor), intent(inout) :: x, y
    call torch_tensor_full(x, 2.0_real64, [3_int64], requires_grad=.true.)
    y = x * x
  end subroutine make

  subroutine jac_shape(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    real(real32), target :: x(5), y(3), jac(5, 3)
    x = 1
    y = -1
    call torch_model_load(model, 'linear.pt')
    call torch_model_jacobian(model, x, jac, y, stat=stat, errmsg=errmsg)
    call expect(all(abs(y + 1) <= 0), 'nothing was written')
  end subroutine jac_shape

  subroutine jac_dtype(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    real(real32), target :: x(5)
    real(real64), target :: jac(3, 5)
    x = 1
    call torch_model_load(model, 'linear.pt')
    call torch_model_jacobian(model, x, jac, stat=stat, errmsg=errmsg)
  end subroutine jac_dtype

  subroutine jac_permuted(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    real(real32), target :: x(5), jac(3, 5)
    x = 1
    call torch_model_load(model, 'linear.pt')
    call torch_model_jacobian(model, x, jac, jac_permute_dims=[1, 1], stat=stat, errmsg=errmsg)
  end subroutine jac_permuted

  subroutine jac_unallocated(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    real(real32), target :: x(5)
    real(real32), allocatable, target :: jac(:, :)
    x = 1
    call torch_model_load(model, 'linear.pt')
    call torch_model_jacobian(model, x, jac, stat=stat, errmsg=errmsg)
  end subroutine jac_unallocated

  subroutine x_dtype(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    real(real64), target :: x(5), jac(3, 5)
    x = 1
    call torch_model_load(model, 'linear.pt')
    call torch_model_jacobian(model, x, jac, stat=stat, errmsg=errmsg)
  end subroutine x_dtype

  subroutine x_integer(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    integer, target :: x(5)
    real(real32), target :: jac(3, 5)
    x = 1
    call torch_model_load(model, 'linear.pt')
    call torch_model_jacobian(model, x, jac, convert=.true., stat=stat, errmsg=errmsg)
  end subroutine x_integer

  subroutine y_shape(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    real(real32), target :: x(5), y(4), jac(3, 5)
    x = 1
    jac = -1
    call torch_model_load(model, 'linear.pt')
    call torch_model_jacobian(model, x, jac, y, stat=stat, errmsg=errmsg)
    call expect(all(abs(jac + 1) <= 0), 'nothing was written')
  end subroutine y_shape

  subroutine two_inputs(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    real(real32), target :: x(2, 3), jac(6, 6)
    x = 1
    call torch_model_load(model, 'pair.pt')
    call torch_model_jacobian(model, x, jac, stat=stat, errmsg=errmsg)
  end subroutine two_inputs

  subroutine not_loaded(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    real(real32), target :: x(5), jac(3, 5)
    x = 1
    call torch_model_jacobian(model, x, jac, stat=stat, errmsg=errmsg)
  end subroutine not_loaded

  subroutine hessian_of_several(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    real(real32), target :: x(5), hess(5, 5)
    x = 1
    call torch_model_load(model, 'linear.pt')
    call torch_model_hessian(model, x, hess, stat=stat, errmsg=errmsg)
  end subroutine hessian_of_several

  subroutine in_batch(stat, errmsg)
    !! The weights of this network are known, and each of a batch of one is the same.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    real(real32), target :: x(1, 5), y(1, 3), jac(1, 3, 1, 5), expected(3, 5)
    integer :: i, j
    x = 1
    expected = reshape([((real(i * j, real32), i=1, 3), j=1, 5)], [3, 5])
    call torch_model_load(model, 'linear.pt')
    call torch_model_jacobian(model, x, jac, y, stat=stat, errmsg=errmsg)
    call expect(all(abs(jac(1, :, 1, :) - expected) <= 0), 'the weights')
    call expect(all(abs(y(1, :) - [15, 31, 47]) <= 0), 'the output')
  end subroutine in_batch

  subroutine stops_unrelated(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y, z, jac
    call make(x, y)
    call make(z, jac)
    jac = torch_jacobian(y, z)
    call succeed(stat)
    if (present(errmsg)) errmsg = ''
  end subroutine stops_unrelated

  subroutine stops_copy(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y, copy, hess
    call make(x, y)
    copy = x
    hess = torch_hessian(torch_sum(y), copy)
    call succeed(stat)
    if (present(errmsg)) errmsg = ''
  end subroutine stops_copy

  subroutine stops_complex(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y, jac
    call make(x, y)
    jac = torch_jacobian(y * (0.0, 1.0), x)
    call succeed(stat)
    if (present(errmsg)) errmsg = ''
  end subroutine stops_complex

  subroutine stops_hessian_of_vector(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y, hess
    call make(x, y)
    hess = torch_hessian(y, x)
    call succeed(stat)
    if (present(errmsg)) errmsg = ''
  end subroutine stops_hessian_of_vector

  subroutine stops_vjp_shape(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y, r
    call make(x, y)
    r = torch_vjp(torch_sum(y), x, y)
    call succeed(stat)
    if (present(errmsg)) errmsg = ''
  end subroutine stops_vjp_shape

  subroutine stops_jvp_shape(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y, r
    call make(x, y)
    r = torch_jvp(y, x, torch_sum(y))
    call succeed(stat)
    if (present(errmsg)) errmsg = ''
  end subroutine stops_jvp_shape

  subroutine stops_freed(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y, r
    call make(x, y)
    r = torch_jacobian(y, x)
    r = torch_jacobian(y, x)
    call succeed(stat)
    if (present(errmsg)) errmsg = ''
  end subroutine stops_freed

  subroutine stops_not_recorded(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y, z, r
    call make(x, y)
    call torch_tensor_full(z, 1.0)
    r = torch_jacobian(y * z, z)
    call succeed(stat)
    if (present(errmsg)) errmsg = ''
  end subroutine stops_not_recorded

  subroutine stops_gradient_missing(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: x, y, r
    call make(x, y)
    r = torch_gradient(x)
    call succeed(stat)
    if (present(errmsg)) errmsg = ''
  end subroutine stops_gradient_missing

end module misuse_derivatives_scenarios

program misuse_derivatives
  use :: misuse_derivatives_scenarios, only: derivative_scenarios
  use :: misuse_kit, only: run_scenarios
  implicit none (type, external)
  call run_scenarios(derivative_scenarios())
end program misuse_derivatives
