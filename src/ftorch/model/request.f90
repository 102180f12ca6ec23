module ftorch_request
  !! Calls of a model that are started, and waited for later: the program computes meanwhile.
  use, intrinsic :: iso_c_binding, only: c_int32_t, c_null_ptr, c_ptr
  use :: ftorch_capi, only: ctorch_request_delete, ctorch_request_done, ctorch_request_share, ctorch_request_wait
  use :: ftorch_error, only: check_status, flag
  use :: ftorch_infer_arrays, only: torch_array, torch_describe_array
  use :: ftorch_model, only: torch_model
  use :: ftorch_types, only: ftorch_int
  implicit none (type, external)
  private

  public :: torch_request, torch_request_delete

  type :: torch_request
    !! A call that was started:
    !!
    !!     real, target, asynchronous :: x(124, 1024), y(112, 1024)
    !!     type(torch_request) :: request
    !!     call request%start(model, x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    !!     call advection()
    !!     call request%wait()
    !!
    !! Until it has been waited for, x and y stay where they are, x unchanged and y untouched. Several calls have a request each.
    !! Assignment shares a request. The last variable that goes gives up a call that nobody has waited for: it waits until the
    !! device has done with the arrays, and leaves y as it was. With a model on the CPU the call is done when `start` returns.
    type(c_ptr) :: p = c_null_ptr
      !! Handle, not an address; null means "none"
  contains
    procedure :: start => request_start
    procedure :: start_arrays => request_start_arrays
    procedure :: wait => request_wait
    procedure :: done => request_done
    procedure, private :: share
    generic :: assignment(=) => share
    final :: torch_request_delete
  end type torch_request

  interface
    function ctorch_request_start(request, model, inputs, n_inputs, outputs, n_outputs, convert) result(status) bind(C)
      import :: c_int32_t, c_ptr, torch_array
      type(c_ptr), intent(inout) :: request
      type(c_ptr), intent(in) :: model
      type(torch_array), intent(in) :: inputs(*)
      integer(c_int32_t), value :: n_inputs
      type(torch_array), intent(in) :: outputs(*)
      integer(c_int32_t), value :: n_outputs, convert
      integer(c_int32_t) :: status
    end function ctorch_request_start
  end interface

contains

  subroutine request_start(self, model, x, y, permute_dims, output_permute_dims, convert, stat, errmsg)
    !! Begins what `model%infer(x, y)` does, on this thread's stream, and returns when it is queued. What is wrong with the
    !! arguments is told here, what fails on the device by `wait`.
    class(torch_request), intent(inout) :: self
    type(torch_model), intent(in) :: model
      !! The request keeps it
    type(*), intent(in), target, asynchronous :: x(..)
    type(*), intent(inout), target, asynchronous :: y(..)
    integer(ftorch_int), optional, intent(in) :: permute_dims(:), output_permute_dims(:)
      !! Tensor dimension d is array dimension permute_dims(d), for x and for y
    logical, optional, intent(in) :: convert
      !! Converts dtypes on the way in and out
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_array) :: input, output
    call torch_describe_array(input, x, permute_dims)
    call torch_describe_array(output, y, output_permute_dims)
    call request_start_arrays(self, model, [input], [output], convert, stat, errmsg)
  end subroutine request_start

  subroutine request_start_arrays(self, model, inputs, outputs, convert, stat, errmsg)
    !! `start` for several inputs or outputs: `[torch_array(t), torch_array(q)]`, as torch_model_infer_arrays has them.
    class(torch_request), intent(inout) :: self
    type(torch_model), intent(in) :: model
    type(torch_array), intent(in) :: inputs(:), outputs(:)
    logical, optional, intent(in) :: convert
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_request_start(self%p, model%p, inputs, size(inputs, kind=c_int32_t), outputs, &
      size(outputs, kind=c_int32_t), flag(convert)), 'torch_request%start', stat, errmsg)
  end subroutine request_start_arrays

  subroutine request_wait(self, stat, errmsg)
    !! Waits until the outputs are there. A call is waited for once, by this thread or another one.
    class(torch_request), intent(in) :: self
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_request_wait(self%p), 'torch_request%wait', stat, errmsg)
  end subroutine request_wait

  logical function request_done(self)
    !! Whether `wait` would not have to wait for the device.
    class(torch_request), intent(in) :: self
    integer(c_int32_t) :: answer
    answer = 0
    call check_status(ctorch_request_done(self%p, answer), 'torch_request%done')
    request_done = answer /= 0
  end function request_done

  impure elemental subroutine torch_request_delete(request)
    !! Releases a request; harmless for one that is null or was released already.
    type(torch_request), intent(inout) :: request
    integer(c_int32_t) :: status
    status = ctorch_request_delete(request%p)
  end subroutine torch_request_delete

  impure elemental subroutine share(left, right)
    !! `left = right` makes both names of one request.
    class(torch_request), intent(inout) :: left
    class(torch_request), intent(in) :: right
    call check_status(ctorch_request_share(right%p, left%p), 'assignment of torch_request')
  end subroutine share

end module ftorch_request
