module ftorch_bridge
  !! The Fortran interface as a Python program can call it: one model, and its tensors, kept here between calls.
  !!
  !! f90wrap turns this file into the extension `ftorch._bridge`; `pt2ts verify` and the tests use it. It is written within what
  !! f90wrap passes correctly: numbers and arrays of 4 or 8 bytes. So values come as 32-bit words, and text as character codes (it
  !! loses the length of a string beside `stat` and `errmsg`). Extents are in PyTorch's order.
  use, intrinsic :: iso_c_binding, only: c_loc
  use, intrinsic :: iso_fortran_env, only: int32, int64, real64
  use ftorch, only: ftorch_int, torch_delete, torch_live_handles, torch_model, torch_model_forward, torch_model_load, &
    torch_model_self_test, torch_tensor, torch_tensor_get_dtype, torch_tensor_get_shape
  use ftorch_bridge_exchange, only: bytes_of, tensor_from_memory, tensor_to_memory
  implicit none (type, external)
  private

  public :: bridge_load, bridge_begin, bridge_set_input, bridge_forward, bridge_describe_output, bridge_get_output
  public :: bridge_self_test, bridge_live_handles, bridge_close

  type :: memory_type
    !! What an input tensor looks at
    integer(int32), allocatable :: words(:)
  end type memory_type

  type(torch_model), save :: model
  type(torch_tensor), allocatable, save :: inputs(:), outputs(:)
  type(memory_type), allocatable, target, save :: memory(:)

contains

  subroutine bridge_load(path, stat, errmsg)
    !! Loads a model onto the CPU, in place of the one before.
    integer(int32), intent(in) :: path(:)   !! UTF-8 codes
    integer(int32), intent(out) :: stat
    character(len=1024), intent(out) :: errmsg
    character(len=size(path)) :: text
    integer :: i
    errmsg = ''
    do i = 1, size(path)
      text(i:i) = achar(path(i))
    end do
    call bridge_close()
    call torch_model_load(model, text, allow_random=.true., stat=stat, errmsg=errmsg)
  end subroutine bridge_load

  subroutine bridge_begin(n_inputs, n_outputs, stat, errmsg)
    !! Makes room for the tensors of a call.
    integer(int32), intent(in) :: n_inputs, n_outputs
    integer(int32), intent(out) :: stat
    character(len=1024), intent(out) :: errmsg
    errmsg = ''
    call release_tensors()
    allocate(inputs(n_inputs), outputs(n_outputs), memory(n_inputs), stat=stat, errmsg=errmsg)
  end subroutine bridge_begin

  subroutine bridge_set_input(number, dtype, extents, words, stat, errmsg)
    !! Copies the values of an input and wraps the copy as a Fortran program wraps its array.
    integer(int32), intent(in) :: number, dtype
    integer(int64), intent(in) :: extents(:)
    integer(int32), intent(in) :: words(:)
    integer(int32), intent(out) :: stat
    character(len=1024), intent(out) :: errmsg
    errmsg = ''
    call check_size(bytes_of(dtype) * product(extents), size(words, kind=int64), stat, errmsg)
    if (stat /= 0) return
    allocate(memory(number)%words(max(1, size(words))))   ! an empty array has no address
    memory(number)%words(:size(words)) = words
    call tensor_from_memory(inputs(number), c_loc(memory(number)%words), dtype, extents, stat, errmsg)
  end subroutine bridge_set_input

  subroutine bridge_forward(stat, errmsg)
    !! Runs the model; it allocates the outputs.
    integer(int32), intent(out) :: stat
    character(len=1024), intent(out) :: errmsg
    errmsg = ''
    call torch_model_forward(model, inputs, outputs, stat=stat, errmsg=errmsg)
  end subroutine bridge_forward

  subroutine bridge_describe_output(number, facts, stat, errmsg)
    !! Tells dtype, rank and extents of an output.
    integer(int32), intent(in) :: number
    integer(int64), intent(inout) :: facts(:)
    integer(int32), intent(out) :: stat
    character(len=1024), intent(out) :: errmsg
    integer(int64), pointer :: extents(:)
    stat = 0
    errmsg = ''
    extents => torch_tensor_get_shape(outputs(number))
    facts(1) = torch_tensor_get_dtype(outputs(number))
    facts(2) = size(extents)
    facts(3:2 + size(extents)) = extents
  end subroutine bridge_describe_output

  subroutine bridge_get_output(number, words, stat, errmsg)
    !! Copies an output into an array of its shape.
    integer(int32), intent(in) :: number
    integer(int32), intent(inout), target :: words(:)
    integer(int32), intent(out) :: stat
    character(len=1024), intent(out) :: errmsg
    integer(int64), pointer :: extents(:)
    integer(ftorch_int) :: dtype
    errmsg = ''
    dtype = torch_tensor_get_dtype(outputs(number))
    extents => torch_tensor_get_shape(outputs(number))
    call check_size(bytes_of(dtype) * product(extents), size(words, kind=int64), stat, errmsg)
    if (stat /= 0 .or. size(words) == 0) return
    call tensor_to_memory(outputs(number), c_loc(words), dtype, extents, stat, errmsg)
  end subroutine bridge_get_output

  subroutine bridge_self_test(difference, stat, errmsg)
    !! Replays the golden sample inside the library.
    real(real64), intent(inout) :: difference(1)
    integer(int32), intent(out) :: stat
    character(len=1024), intent(out) :: errmsg
    errmsg = ''
    call torch_model_self_test(model, difference(1), stat=stat, errmsg=errmsg)
  end subroutine bridge_self_test

  subroutine bridge_live_handles(count)
    !! Counts the tensors and models that exist in this process.
    integer(int64), intent(inout) :: count(1)
    count(1) = torch_live_handles()
  end subroutine bridge_live_handles

  subroutine bridge_close()
    !! Releases everything.
    call release_tensors()
    call torch_delete(model)
  end subroutine bridge_close

  subroutine release_tensors()
    if (allocated(inputs)) deallocate(inputs)
    if (allocated(outputs)) deallocate(outputs)
    if (allocated(memory)) deallocate(memory)
  end subroutine release_tensors

  subroutine check_size(bytes, words, stat, errmsg)
    integer(int64), intent(in) :: bytes, words
    integer(int32), intent(out) :: stat
    character(len=*), intent(inout) :: errmsg
    stat = 0
    if (words == (bytes + 3) / 4) return
    stat = 1
    write(errmsg, '(a,i0,a,i0)') 'bridge: the shape needs ', (bytes + 3) / 4, ' words, the array has ', words
  end subroutine check_size
end module ftorch_bridge
