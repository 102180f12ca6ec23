module ftorch_model_derivatives
  !! Derivatives of a model straight between Fortran arrays: tangents for an implicit solver, adjoints, sensitivities.
  use, intrinsic :: iso_c_binding, only: c_int32_t, c_ptr
  use :: ftorch_error, only: flag, settle
  use :: ftorch_model, only: torch_model
  use :: ftorch_tensor_arrays, only: count_or_none, dims_or_none
  use :: ftorch_types, only: ftorch_int
  implicit none (type, external)
  private

  public :: torch_model_jacobian, torch_model_hessian

  interface
    function ftorch_model_derivative(model, hessian, x, derivative, y, x_count, x_dims, y_count, y_dims, d_count, d_dims, convert) &
      result(status) bind(C)
      import :: c_int32_t, c_ptr
      type(c_ptr), intent(in) :: model
      integer(c_int32_t), value :: hessian
      type(*), intent(in), target :: x(..)
      type(*), intent(inout), target :: derivative(..)
      type(*), optional, intent(inout), target :: y(..)
      integer(c_int32_t), value :: x_count, y_count, d_count
      integer(c_int32_t), intent(in) :: x_dims(*), y_dims(*), d_dims(*)
      integer(c_int32_t), value :: convert
      integer(c_int32_t) :: status
    end function ftorch_model_derivative
  end interface

contains

  subroutine torch_model_jacobian(model, x, jac, y, permute_dims, output_permute_dims, jac_permute_dims, convert, stat, errmsg)
    !! All derivatives of a model of one input and one output: jac(i,...,j,...) is the derivative of output (i,...) by input
    !! (j,...), so that one sample of n_in numbers has jac(n_out, n_in). A sample may be given without the batch dimension when the
    !! model's contract names one; then jac has none either, and one pass through a batch of copies is enough. Otherwise there is
    !! one for each element of the output.
    class(torch_model), intent(in) :: model
    type(*), intent(in), target :: x(..)
    type(*), intent(inout), target :: jac(..)
    type(*), optional, intent(inout), target :: y(..)
      !! Receives the output of the same run
    integer(ftorch_int), optional, intent(in) :: permute_dims(:), output_permute_dims(:), jac_permute_dims(:)
      !! Tensor dimension d is array dimension permute_dims(d), for x, for y and for jac
    logical, optional, intent(in) :: convert
      !! Converts dtypes on the way in and out; derivatives have the dtype of x
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call settle(ftorch_model_derivative(model%p, 0_c_int32_t, x, jac, y, count_or_none(permute_dims), dims_or_none(permute_dims), &
      count_or_none(output_permute_dims), dims_or_none(output_permute_dims), count_or_none(jac_permute_dims), &
      dims_or_none(jac_permute_dims), flag(convert)), 'torch_model_jacobian', stat, errmsg)
  end subroutine torch_model_jacobian

  subroutine torch_model_hessian(model, x, hess, y, permute_dims, hess_permute_dims, convert, stat, errmsg)
    !! All second derivatives of a model whose output is a single number: hess(i,...,j,...) belongs to the inputs (i,...) and
    !! (j,...). One pass backwards for each element of the input.
    class(torch_model), intent(in) :: model
    type(*), intent(in), target :: x(..)
    type(*), intent(inout), target :: hess(..)
    type(*), optional, intent(inout), target :: y(..)
      !! Receives the output of the same run
    integer(ftorch_int), optional, intent(in) :: permute_dims(:), hess_permute_dims(:)
    logical, optional, intent(in) :: convert
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call settle(ftorch_model_derivative(model%p, 1_c_int32_t, x, hess, y, count_or_none(permute_dims), &
      dims_or_none(permute_dims), -1_c_int32_t, dims_or_none(), count_or_none(hess_permute_dims), &
      dims_or_none(hess_permute_dims), flag(convert)), 'torch_model_hessian', stat, errmsg)
  end subroutine torch_model_hessian

end module ftorch_model_derivatives
