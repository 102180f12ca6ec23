module ftorch_tensor_type
  !! The tensor as a Fortran value: its type, life and death, assignment, and the questions one can ask it.
  use, intrinsic :: iso_c_binding, only: c_f_pointer, c_int32_t, c_int64_t, c_null_ptr, c_ptr
  use, intrinsic :: iso_fortran_env, only: int64, output_unit
  use :: ftorch_capi, only: ctorch_tensor_assign, ctorch_tensor_data, ctorch_tensor_delete, ctorch_tensor_device, &
    ctorch_tensor_dtype, ctorch_tensor_is_contiguous, ctorch_tensor_numel, ctorch_tensor_rank, ctorch_tensor_requires_grad, &
    ctorch_tensor_shape, ctorch_tensor_strides, ctorch_tensor_to_string, ctorch_tensor_yield, ctorch_tensor_zero, &
    ctorch_tensor_zero_grad
  use :: ftorch_compiler, only: results_are_one_shot
  use :: ftorch_error, only: settle, text_of
  use :: ftorch_types, only: ftorch_int
  implicit none (type, external)
  private

  public :: torch_tensor, torch_tensor_delete, torch_tensor_yield
  public :: torch_tensor_get_rank, torch_tensor_get_shape, torch_tensor_get_stride, torch_tensor_get_dtype
  public :: torch_tensor_get_device_type, torch_tensor_get_device_index, torch_tensor_numel, torch_tensor_is_contiguous
  public :: torch_tensor_data_pointer, torch_tensor_requires_grad, torch_tensor_print, torch_tensor_zero, torch_tensor_zero_grad
  public :: assignment(=)

  type :: torch_tensor
    !! A PyTorch tensor. Variables of this type free themselves; `=` copies values, an expression's result is moved.
    type(c_ptr) :: p = c_null_ptr
      !! Handle, not an address; null means "no tensor"
  contains
    procedure :: get_rank => torch_tensor_get_rank
    procedure :: get_shape => torch_tensor_get_shape
    procedure :: get_stride => torch_tensor_get_stride
    procedure :: get_dtype => torch_tensor_get_dtype
    procedure :: get_device_type => torch_tensor_get_device_type
    procedure :: get_device_index => torch_tensor_get_device_index
    procedure :: numel => torch_tensor_numel
    procedure :: is_contiguous => torch_tensor_is_contiguous
    procedure :: requires_grad => torch_tensor_requires_grad
    procedure :: zero => torch_tensor_zero
    procedure :: zero_grad => torch_tensor_zero_grad
    procedure :: print => torch_tensor_print
    procedure, private :: assign
    generic :: assignment(=) => assign
    final :: torch_tensor_delete
  end type torch_tensor

  ! Codes may name assignment(=) in their `only:` lists, so there must be one to name. The real one is type-bound: a list
  ! that forgets it changes nothing.
  type :: placeholder
    integer :: nothing = 0
  end type placeholder
  interface assignment(=)
    module procedure assign_placeholder
  end interface assignment(=)

contains

  impure elemental subroutine torch_tensor_delete(tensor)
    !! Releases a tensor; harmless for one that is null or was released already. Memory it wraps stays with the program.
    type(torch_tensor), intent(inout) :: tensor
    integer(c_int32_t) :: status
    status = ctorch_tensor_delete(tensor%p)
  end subroutine torch_tensor_delete

  impure elemental subroutine assign(left, right)
    !! Fortran's `left = right`: values are copied (the autograd graph stays connected), the result of an expression is moved.
    !! A left side that wraps a Fortran array is written through, which needs equal shapes.
    class(torch_tensor), intent(inout) :: left
    class(torch_tensor), intent(in) :: right
    call settle(ctorch_tensor_assign(left%p, right%p), 'assignment of torch_tensor')
  end subroutine assign

  elemental subroutine assign_placeholder(left, right)
    type(placeholder), intent(out) :: left
    type(placeholder), intent(in) :: right
    left%nothing = right%nothing
  end subroutine assign_placeholder

  subroutine torch_tensor_yield(tensor)
    !! Last statement of a function of yours that returns a tensor: marks the result as temporary, so that assignment moves it
    !! and nothing leaks with compilers that do not finalize function results.
    type(torch_tensor), intent(in) :: tensor
    call settle(ctorch_tensor_yield(tensor%p, results_are_one_shot), 'torch_tensor_yield')
  end subroutine torch_tensor_yield

  integer(ftorch_int) function torch_tensor_get_rank(self)
    !! Number of dimensions.
    class(torch_tensor), intent(in) :: self
    torch_tensor_get_rank = 0
    call settle(ctorch_tensor_rank(self%p, torch_tensor_get_rank), 'torch_tensor_get_rank')
  end function torch_tensor_get_rank

  function torch_tensor_get_shape(self) result(sizes)
    !! Extents. The pointer shows the tensor's own memory and is valid as long as the tensor; do not deallocate it.
    class(torch_tensor), intent(in) :: self
    integer(int64), pointer :: sizes(:)
    type(c_ptr) :: memory
    integer(c_int32_t) :: rank
    memory = c_null_ptr
    rank = 0
    call settle(ctorch_tensor_shape(self%p, memory, rank), 'torch_tensor_get_shape')
    call c_f_pointer(memory, sizes, [rank])
  end function torch_tensor_get_shape

  function torch_tensor_get_stride(self) result(strides)
    !! Strides in elements. The pointer shows the tensor's own memory and is valid as long as the tensor; do not deallocate it.
    class(torch_tensor), intent(in) :: self
    integer(int64), pointer :: strides(:)
    type(c_ptr) :: memory
    integer(c_int32_t) :: rank
    memory = c_null_ptr
    rank = 0
    call settle(ctorch_tensor_strides(self%p, memory, rank), 'torch_tensor_get_stride')
    call c_f_pointer(memory, strides, [rank])
  end function torch_tensor_get_stride

  integer(ftorch_int) function torch_tensor_get_dtype(self)
    !! Element type, one of the torch_k* constants.
    class(torch_tensor), intent(in) :: self
    torch_tensor_get_dtype = 0
    call settle(ctorch_tensor_dtype(self%p, torch_tensor_get_dtype), 'torch_tensor_get_dtype')
  end function torch_tensor_get_dtype

  integer(ftorch_int) function torch_tensor_get_device_type(self)
    !! Device, one of the torch_k* constants.
    class(torch_tensor), intent(in) :: self
    integer(c_int32_t) :: index
    torch_tensor_get_device_type = 0
    index = 0
    call settle(ctorch_tensor_device(self%p, torch_tensor_get_device_type, index), 'torch_tensor_get_device_type')
  end function torch_tensor_get_device_type

  integer(ftorch_int) function torch_tensor_get_device_index(self)
    !! Index of the device among those of its type; -1 for the CPU.
    class(torch_tensor), intent(in) :: self
    integer(c_int32_t) :: device_type
    torch_tensor_get_device_index = 0
    device_type = 0
    call settle(ctorch_tensor_device(self%p, device_type, torch_tensor_get_device_index), 'torch_tensor_get_device_index')
  end function torch_tensor_get_device_index

  integer(int64) function torch_tensor_numel(self)
    !! Number of elements.
    class(torch_tensor), intent(in) :: self
    torch_tensor_numel = 0
    call settle(ctorch_tensor_numel(self%p, torch_tensor_numel), 'torch_tensor_numel')
  end function torch_tensor_numel

  logical function torch_tensor_is_contiguous(self)
    !! Whether the elements lie in PyTorch's (row-major) order without gaps.
    class(torch_tensor), intent(in) :: self
    integer(c_int32_t) :: answer
    answer = 0
    call settle(ctorch_tensor_is_contiguous(self%p, answer), 'torch_tensor_is_contiguous')
    torch_tensor_is_contiguous = answer /= 0
  end function torch_tensor_is_contiguous

  type(c_ptr) function torch_tensor_data_pointer(self)
    !! Address of the first element, on the tensor's device.
    class(torch_tensor), intent(in) :: self
    torch_tensor_data_pointer = c_null_ptr
    call settle(ctorch_tensor_data(self%p, torch_tensor_data_pointer), 'torch_tensor_data_pointer')
  end function torch_tensor_data_pointer

  logical function torch_tensor_requires_grad(self)
    !! Whether gradients are recorded for the tensor.
    class(torch_tensor), intent(in) :: self
    integer(c_int32_t) :: answer
    answer = 0
    call settle(ctorch_tensor_requires_grad(self%p, answer), 'torch_tensor_requires_grad')
    torch_tensor_requires_grad = answer /= 0
  end function torch_tensor_requires_grad

  subroutine torch_tensor_print(self, stat, errmsg)
    !! Prints the values the way PyTorch does.
    class(torch_tensor), intent(in) :: self
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(c_ptr) :: text
    integer(c_int64_t) :: length
    integer(c_int32_t) :: status
    text = c_null_ptr
    length = 0
    status = ctorch_tensor_to_string(self%p, text, length)
    call settle(status, 'torch_tensor_print', stat, errmsg)
    if (status == 0) write (output_unit, '(a)') text_of(text, length)
  end subroutine torch_tensor_print

  subroutine torch_tensor_zero(tensor, stat, errmsg)
    !! Sets all elements to zero, those of a wrapped array too.
    class(torch_tensor), intent(inout) :: tensor
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call settle(ctorch_tensor_zero(tensor%p), 'torch_tensor_zero', stat, errmsg)
  end subroutine torch_tensor_zero

  subroutine torch_tensor_zero_grad(tensor, stat, errmsg)
    !! Forgets the accumulated gradient.
    class(torch_tensor), intent(inout) :: tensor
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call settle(ctorch_tensor_zero_grad(tensor%p), 'torch_tensor_zero_grad', stat, errmsg)
  end subroutine torch_tensor_zero_grad

end module ftorch_tensor_type
