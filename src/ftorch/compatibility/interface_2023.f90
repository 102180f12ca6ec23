module ftorch_interface_2023
  !! The interface of 2023 that the teaching material uses: functions that return tensors and modules.
  use, intrinsic :: iso_c_binding, only: c_associated, c_int32_t, c_int64_t, c_null_ptr, c_ptr
  use :: ftorch_capi, only: ctorch_model_yield, ctorch_tensor_from_blob, ctorch_tensor_yield
  use :: ftorch_compiler, only: results_are_one_shot
  use :: ftorch_error, only: int_or, check_status
  use :: ftorch_model, only: torch_model, torch_module_delete => torch_model_delete, torch_model_forward, torch_model_load
  use :: ftorch_tensor_create, only: row_major_strides
  use :: ftorch_tensor_type, only: torch_tensor
  use :: ftorch_types, only: ftorch_int
  implicit none (type, external)
  private

  public :: torch_tensor_from_blob, torch_module_load, torch_module_forward, torch_module_delete

  interface torch_tensor_from_blob
    !! Tensor over memory given by its address. The memory is read in Fortran's order: index (i,j,k) of the array is index (i,j,k)
    !! of the tensor, so `shape(array)` is the shape to give. With `row_major=.true.` the last dimension is the fastest, for
    !! programs that give the extents in reverse: a Fortran array (i,j,k) is then a tensor (k,j,i).
    module procedure from_blob_int32, from_blob_int64
  end interface torch_tensor_from_blob

contains

  function from_blob_int64(data, ndims, tensor_shape, dtype, device_type, device_index, row_major) result(tensor)
    type(c_ptr), intent(in) :: data
    integer(ftorch_int), intent(in) :: ndims
    integer(c_int64_t), intent(in) :: tensor_shape(*)
    integer(ftorch_int), intent(in) :: dtype, device_type
    integer(ftorch_int), optional, intent(in) :: device_index
    logical, optional, intent(in) :: row_major
    type(torch_tensor) :: tensor
    call wrap(tensor, data, ndims, tensor_shape(:ndims), dtype, device_type, device_index, row_major)
  end function from_blob_int64

  function from_blob_int32(data, ndims, tensor_shape, dtype, device_type, device_index, row_major) result(tensor)
    type(c_ptr), intent(in) :: data
    integer(ftorch_int), intent(in) :: ndims
    integer(c_int32_t), intent(in) :: tensor_shape(*)
    integer(ftorch_int), intent(in) :: dtype, device_type
    integer(ftorch_int), optional, intent(in) :: device_index
    logical, optional, intent(in) :: row_major
    type(torch_tensor) :: tensor
    call wrap(tensor, data, ndims, int(tensor_shape(:ndims), c_int64_t), dtype, device_type, device_index, row_major)
  end function from_blob_int32

  subroutine wrap(tensor, data, ndims, sizes, dtype, device_type, device_index, row_major)
    type(torch_tensor), intent(inout) :: tensor
    type(c_ptr), intent(in) :: data
    integer(ftorch_int), intent(in) :: ndims
    integer(c_int64_t), intent(in) :: sizes(:)
    integer(ftorch_int), intent(in) :: dtype, device_type
    integer(ftorch_int), optional, intent(in) :: device_index
    logical, optional, intent(in) :: row_major
    integer(c_int64_t) :: strides(size(sizes))
    strides = row_major_strides(sizes(size(sizes):1:-1))
    strides = strides(size(sizes):1:-1)  ! the first dimension is the fastest
    if (present(row_major)) then
      if (row_major) strides = row_major_strides(sizes)
    end if
    call check_status(ctorch_tensor_from_blob(data, ndims, sizes, strides, dtype, device_type, &
      int_or(device_index, -1_c_int32_t), 0_c_int32_t, 0_c_int32_t, tensor%p), 'torch_tensor_from_blob')
    call check_status(ctorch_tensor_yield(tensor%p, results_are_one_shot), 'torch_tensor_from_blob')
  end subroutine wrap

  function torch_module_load(filename, device_type, device_index) result(module)
    !! Loads a model; the file name may end with a null character.
    character(len=*), intent(in) :: filename
    integer(ftorch_int), optional, intent(in) :: device_type, device_index
    type(torch_model) :: module
    call torch_model_load(module, filename, device_type, device_index)
    call check_status(ctorch_model_yield(module%p), 'torch_module_load')
  end function torch_module_load

  subroutine torch_module_forward(model, input_tensors, n_inputs, output_tensor, requires_grad)
    !! Runs a model of `n_inputs` inputs and one output.
    type(torch_model), intent(in) :: model
    type(torch_tensor), intent(in) :: input_tensors(:)
    integer, intent(in) :: n_inputs
    ! allow(C061)
    type(torch_tensor) :: output_tensor
    logical, optional, intent(in) :: requires_grad
    type(torch_tensor) :: outputs(1)
    outputs(1)%p = output_tensor%p
    call torch_model_forward(model, input_tensors(:min(n_inputs, size(input_tensors))), outputs, requires_grad)
    if (.not. c_associated(outputs(1)%p, output_tensor%p)) output_tensor%p = outputs(1)%p
    outputs(1)%p = c_null_ptr  ! lets go of the handle before the local name is finalized
  end subroutine torch_module_forward

end module ftorch_interface_2023
