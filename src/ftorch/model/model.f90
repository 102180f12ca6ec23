module ftorch_model
  !! Models: loading, running, differentiating, asking, saving.
  use, intrinsic :: iso_c_binding, only: c_associated, c_double, c_int32_t, c_int64_t, c_loc, c_null_ptr, c_ptr
  use, intrinsic :: iso_fortran_env, only: int64, int8, output_unit, real64
  use :: ftorch_capi, only: ctorch_model_count_parameters, ctorch_model_delete, ctorch_model_forward, ctorch_model_graph_stats, &
    ctorch_model_is_training, ctorch_model_load, ctorch_model_load_bytes, ctorch_model_parameters, ctorch_model_save, &
    ctorch_model_self_test, ctorch_model_set_training, ctorch_model_share, ctorch_model_stats, ctorch_model_subnormal_calls, &
    ctorch_model_take_weights, ctorch_model_to_string, ctorch_model_use_graphs, ctorch_model_zero_grad
  use :: ftorch_devices, only: torch_kCPU, torch_kCUDA, torch_kHIP, torch_kMPS, torch_kXPU
  use :: ftorch_error, only: flag, flag_or_saved, int_or, refuse, check_status, text_of
  use :: ftorch_tensor_arrays, only: count_or_none
  use :: ftorch_tensor_type, only: torch_tensor
  use :: ftorch_text, only: get_digest, get_text
  use :: ftorch_trainer, only: torch_trainer
  use :: ftorch_types, only: ftorch_int, torch_error_argument
  implicit none (type, external)
  private

  public :: torch_model_jacobian, torch_model_hessian, torch_model_take_weights
  public :: torch_model, torch_model_load, torch_model_forward, torch_model_infer, torch_model_save, torch_model_delete
  public :: torch_model_print_parameters, torch_model_is_training, torch_model_parameters, torch_model_count_parameters
  public :: torch_parameters, torch_model_self_test, torch_model_train, torch_model_eval, torch_model_zero_grad
  public :: torch_model_stats, torch_model_use_graphs
  ! What comes along with FTorch's module of this name.
  public :: c_null_ptr, c_ptr, ftorch_int, torch_kCPU, torch_kCUDA, torch_kHIP, torch_kMPS, torch_kXPU, torch_tensor

  type :: torch_parameters
    !! The parameters of a model, as an argument: a model, or `model%parameters()`, which names the model and owns nothing. It is no
    !! array of tensors: gfortran 13 and 14 finalize the arrays that functions return after they have freed them.
    type(c_ptr) :: p = c_null_ptr
      !! Handle, not an address; null means "no model"
  end type torch_parameters

  type, extends(torch_parameters) :: torch_model
    !! A network loaded from a file. Assignment shares it; the last variable that goes frees it.
  contains
    procedure :: forward => torch_model_forward
    procedure :: infer => torch_model_infer
    procedure :: jacobian => torch_model_jacobian
    procedure :: hessian => torch_model_hessian
    procedure :: stats => torch_model_stats
    procedure :: use_graphs => torch_model_use_graphs
    procedure :: save => torch_model_save
    procedure :: print_parameters => torch_model_print_parameters
    procedure :: is_training => torch_model_is_training
    procedure :: self_test => torch_model_self_test
    procedure :: train => torch_model_train
    procedure :: eval => torch_model_eval
    procedure :: zero_grad => torch_model_zero_grad
    procedure :: take_weights => torch_model_take_weights
    procedure :: parameters => model_parameters
    procedure, private :: share
    generic :: assignment(=) => share
    final :: torch_model_delete
  end type torch_model

  interface torch_model_load
    !! Loads a model from a file, or from the bytes of one; the content decides how: TorchScript, or a compiled package. A model
    !! that carries its contract is checked against it at every call and is warmed up here.
    module procedure load_file, load_bytes
  end interface torch_model_load

  interface
    function ftorch_infer(model, x, y, x_count, x_dims, y_count, y_dims, convert) result(status) bind(C)
      import :: c_int32_t, c_ptr
      type(c_ptr), intent(in) :: model
      type(*), intent(in), target :: x(..)
      type(*), intent(inout), target :: y(..)
      integer(c_int32_t), value :: x_count, y_count
      integer(c_int32_t), optional, intent(in) :: x_dims(*), y_dims(*)
      integer(c_int32_t), value :: convert
      integer(c_int32_t) :: status
    end function ftorch_infer
    function ftorch_model_derivative(model, hessian, x, derivative, y, x_count, x_dims, y_count, y_dims, d_count, d_dims, convert) &
      result(status) bind(C)
      import :: c_int32_t, c_ptr
      type(c_ptr), intent(in) :: model
      integer(c_int32_t), value :: hessian
      type(*), intent(in), target :: x(..)
      type(*), intent(inout), target :: derivative(..)
      type(*), optional, intent(inout), target :: y(..)
      integer(c_int32_t), value :: x_count, y_count, d_count
      integer(c_int32_t), optional, intent(in) :: x_dims(*), y_dims(*), d_dims(*)
      integer(c_int32_t), value :: convert
      integer(c_int32_t) :: status
    end function ftorch_model_derivative
  end interface

contains

  subroutine load_file(model, filename, device_type, device_index, requires_grad, is_training, trust, sha256, allow_random, &
    stat, errmsg)
    !! Loads a model from a file. A null character ends the file name; blanks before it do not count.
    type(torch_model), intent(inout) :: model
    character(len=*), intent(in) :: filename
    integer(ftorch_int), optional, intent(in) :: device_type
      !! torch_kCPU unless given
    integer(ftorch_int), optional, intent(in) :: device_index
      !! Means nothing for the CPU
    logical, optional, intent(in) :: requires_grad
      !! Whether gradients of the weights are wanted; unless given, weights are as in the file: trainable or frozen
    logical, optional, intent(in) :: is_training
      !! Training instead of evaluation mode (dropout, batch normalization)
    logical, optional, intent(in) :: trust
      !! Admits a compiled package that does not come from pt2ts: machine code whose calls cannot be checked
    character(len=*), optional, intent(in) :: sha256
      !! The file's SHA-256 sum, 64 hexadecimal digits: any other file is refused before anything in it is looked at
    logical, optional, intent(in) :: allow_random
      !! Admits a network that draws random numbers in evaluation mode, as one does that was traced in training mode
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    character(len=:), allocatable :: digest
    call get_digest(sha256, digest)
    call check_status(ctorch_model_load(filename, len_trim(filename, kind=c_int64_t), int_or(device_type, torch_kCPU), &
      int_or(device_index, -1_c_int32_t), flag_or_saved(requires_grad), flag(is_training), flag(trust), digest, &
      len(digest, kind=c_int64_t), flag(allow_random), model%p), 'torch_model_load', stat, errmsg)
  end subroutine load_file

  subroutine load_bytes(model, bytes, device_type, device_index, requires_grad, is_training, trust, sha256, allow_random, name, &
    stat, errmsg)
    !! Loads a model from the bytes of a model file: out of a NetCDF file, out of the program itself, from another process. The
    !! array may go afterwards.
    type(torch_model), intent(inout) :: model
    integer(int8), contiguous, target, intent(in) :: bytes(:)
    integer(ftorch_int), optional, intent(in) :: device_type, device_index
    logical, optional, intent(in) :: requires_grad, is_training, trust
    character(len=*), optional, intent(in) :: sha256
    logical, optional, intent(in) :: allow_random
    character(len=*), optional, intent(in) :: name
      !! What messages call the bytes
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    character(len=:), allocatable :: digest, called
    call get_digest(sha256, digest)
    call get_text(name, called)
    call check_status(ctorch_model_load_bytes(c_loc(bytes), size(bytes, kind=c_int64_t), called, len(called, kind=c_int64_t), &
      int_or(device_type, torch_kCPU), int_or(device_index, -1_c_int32_t), flag_or_saved(requires_grad), flag(is_training), &
      flag(trust), digest, len(digest, kind=c_int64_t), flag(allow_random), model%p), 'torch_model_load', stat, errmsg)
  end subroutine load_bytes

  impure elemental subroutine torch_model_delete(model)
    !! Releases a model; harmless for one that is null or was released already.
    type(torch_model), intent(inout) :: model
    integer(c_int32_t) :: status
    status = ctorch_model_delete(model%p)
  end subroutine torch_model_delete

  impure elemental subroutine share(left, right)
    !! `left = right` makes both names of one model.
    class(torch_model), intent(inout) :: left
    class(torch_model), intent(in) :: right
    call check_status(ctorch_model_share(right%p, left%p), 'assignment of torch_model')
  end subroutine share

  subroutine torch_model_forward(model, input_tensors, output_tensors, requires_grad, convert, output_names, stat, errmsg)
    !! Runs the model. An output tensor that exists is written into, which needs exactly the right shape and dtype; one that
    !! does not (a null `p`) receives the result, and must be a variable then. Nested results are flattened, dictionaries in the
    !! order of their sorted keys.
    class(torch_model), intent(in) :: model
    type(torch_tensor), intent(in) :: input_tensors(:)
    ! allow(C061)
    type(torch_tensor) :: output_tensors(:)
      ! No intent: codes for FTorch hand over dummy arguments that are intent(in). Their handles stay.
    logical, optional, intent(in) :: requires_grad
      !! Records the autograd graph; then every output tensor is replaced by the result, and an array that it wrapped gets the
      !! values
    logical, optional, intent(in) :: convert
      !! Converts dtypes on the way in and out, real64 arrays for a float32 network for instance
    character(len=*), optional, intent(in) :: output_names(:)
      !! Names of the wanted outputs, in the order of output_tensors
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    integer, parameter :: room = 8
    type(c_ptr) :: few(room, 2)
      ! Of fixed size: gfortran takes automatic arrays from the heap, and that is 1 % of a small network's time.
    type(c_ptr), allocatable :: many(:, :)
    integer :: n
    if (present(output_names)) then
      if (size(output_names) /= size(output_tensors)) then
        call refuse(torch_error_argument, 'torch_model_forward', &
          "argument 'output_names': expected one name for each of output_tensors", stat, errmsg)
        return
      end if
    end if
    n = max(size(input_tensors), size(output_tensors))
    if (n <= room) then
      call forward(few(:, 1), few(:, 2))
    else
      allocate (many(n, 2))
      call forward(many(:, 1), many(:, 2))
    end if

  contains

    subroutine forward(inputs, outputs)
      type(c_ptr), intent(inout) :: inputs(*), outputs(*)
      integer(c_int32_t) :: status, n_inputs, n_outputs, i
      n_inputs = size(input_tensors)
      n_outputs = size(output_tensors)
      do i = 1, n_inputs
        inputs(i) = input_tensors(i)%p
      end do
      do i = 1, n_outputs
        outputs(i) = output_tensors(i)%p
      end do
      if (present(output_names)) then
        status = ctorch_model_forward(model%p, inputs, n_inputs, outputs, n_outputs, flag(requires_grad), flag(convert), &
          output_names, len(output_names, kind=c_int64_t))
      else
        status = ctorch_model_forward(model%p, inputs, n_inputs, outputs, n_outputs, flag(requires_grad), flag(convert), '', &
          0_c_int64_t)
      end if
      do i = 1, n_outputs
        if (.not. c_associated(outputs(i), output_tensors(i)%p)) output_tensors(i)%p = outputs(i)
      end do
      call check_status(status, 'torch_model_forward', stat, errmsg)
    end subroutine forward

  end subroutine torch_model_forward

  subroutine torch_model_infer(model, x, y, permute_dims, output_permute_dims, convert, stat, errmsg)
    !! Runs a model of one input and one output straight between arrays of any rank. One sample may be given without the batch
    !! dimension when the model's contract names one; nothing else is ever reshaped.
    class(torch_model), intent(in) :: model
    type(*), intent(in), target :: x(..)
    type(*), intent(inout), target :: y(..)
    integer(ftorch_int), optional, intent(in) :: permute_dims(:), output_permute_dims(:)
      !! Tensor dimension d is array dimension permute_dims(d), for x and for y
    logical, optional, intent(in) :: convert
      !! Converts dtypes on the way in and out
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ftorch_infer(model%p, x, y, count_or_none(permute_dims), permute_dims, count_or_none(output_permute_dims), &
      output_permute_dims, flag(convert)), 'torch_model_infer', stat, errmsg)
  end subroutine torch_model_infer

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
    call check_status(ftorch_model_derivative(model%p, 0_c_int32_t, x, jac, y, count_or_none(permute_dims), permute_dims, &
      count_or_none(output_permute_dims), output_permute_dims, count_or_none(jac_permute_dims), jac_permute_dims, &
      flag(convert)), 'torch_model_jacobian', stat, errmsg)
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
    call check_status(ftorch_model_derivative(model%p, 1_c_int32_t, x, hess, y, count_or_none(permute_dims), permute_dims, &
      y_count=count_or_none(), d_count=count_or_none(hess_permute_dims), d_dims=hess_permute_dims, convert=flag(convert)), &
      'torch_model_hessian', stat, errmsg)
  end subroutine torch_model_hessian

  subroutine torch_model_stats(model, calls, input_copies, variant, subnormal_calls, graph_captures, graph_replays, &
    graph_refusals, graph_reason, stat, errmsg)
    !! What happened so far.
    class(torch_model), intent(in) :: model
    integer(int64), optional, intent(out) :: calls
      !! Calls that ran: infer and forward
    integer(int64), optional, intent(out) :: input_copies
      !! Inputs that had to be copied into the strides that the compiled code wants
    character(len=:), optional, allocatable, intent(out) :: variant
      !! Which of the file's variants the last call took; empty before the first
    integer(int64), optional, intent(out) :: subnormal_calls
      !! Calls that met numbers too small for the full precision, which makes them slow; see torch_set_flush_denormals
    integer(int64), optional, intent(out) :: graph_captures, graph_replays
      !! Calls that were recorded, and calls that a graph has done; see torch_model_use_graphs
    integer(int64), optional, intent(out) :: graph_refusals
      !! Shapes of inputs whose calls could not be recorded, and run as ever
    character(len=:), optional, allocatable, intent(out) :: graph_reason
      !! Why the last of them could not
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(c_ptr) :: text
    integer(c_int64_t) :: length, n_calls, n_copies, n_subnormal, graphs(3)
    integer(c_int32_t) :: status
    text = c_null_ptr
    length = 0
    n_calls = 0
    n_copies = 0
    n_subnormal = 0
    graphs = 0
    status = ctorch_model_stats(model%p, n_calls, n_copies, text, length)
    if (present(calls)) calls = n_calls
    if (present(input_copies)) input_copies = n_copies
    if (present(variant)) variant = text_of(text, length)
    if (status == 0 .and. present(subnormal_calls)) status = ctorch_model_subnormal_calls(model%p, n_subnormal)
    if (present(subnormal_calls)) subnormal_calls = n_subnormal
    if (status == 0) status = ctorch_model_graph_stats(model%p, graphs(1), graphs(2), graphs(3), text, length)
    if (present(graph_captures)) graph_captures = graphs(1)
    if (present(graph_replays)) graph_replays = graphs(2)
    if (present(graph_refusals)) graph_refusals = graphs(3)
    if (present(graph_reason)) graph_reason = text_of(text, length)
    call check_status(status, 'torch_model_stats', stat, errmsg)
  end subroutine torch_model_stats

  subroutine torch_model_use_graphs(model, on, stat, errmsg)
    !! Lets a device do calls again as a whole instead of one operation after another: CUDA graphs. The first two calls of each
    !! shape run as ever, the third is recorded; other shapes and addresses are recorded by themselves. What cannot be recorded
    !! runs as ever: `stats` tells. On the CPU nothing happens.
    class(torch_model), intent(in) :: model
    logical, intent(in) :: on
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_model_use_graphs(model%p, flag(on)), 'torch_model_use_graphs', stat, errmsg)
  end subroutine torch_model_use_graphs

  subroutine torch_model_save(model, filename, stat, errmsg)
    !! Saves the model with its contract; the file appears under its name only when it is complete.
    class(torch_model), intent(in) :: model
    character(len=*), intent(in) :: filename
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_model_save(model%p, filename, len_trim(filename, kind=c_int64_t)), 'torch_model_save', stat, errmsg)
  end subroutine torch_model_save

  subroutine torch_model_print_parameters(self, stat, errmsg)
    !! Prints names, dtypes, shapes and values of the weights.
    class(torch_model), intent(in) :: self
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(c_ptr) :: text
    integer(c_int64_t) :: length
    integer(c_int32_t) :: status
    text = c_null_ptr
    length = 0
    status = ctorch_model_to_string(self%p, text, length)
    call check_status(status, 'torch_model_print_parameters', stat, errmsg)
    if (status == 0) write (output_unit, '(a)') text_of(text, length)
  end subroutine torch_model_print_parameters

  subroutine torch_model_take_weights(model, trainer, stat, errmsg)
    !! Copies the weights and buffers of a trainer into a model that has the same, by name: of the trainer's own file or of another.
    !! A model that is a part of what is trained (a network in a host's time step) has its names behind one prefix there.
    class(torch_model), intent(in) :: model
    type(torch_trainer), intent(in) :: trainer
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_model_take_weights(model%p, trainer%p), 'torch_model_take_weights', stat, errmsg)
  end subroutine torch_model_take_weights

  logical function torch_model_is_training(self)
    !! Whether the model is in training mode.
    class(torch_model), intent(in) :: self
    integer(c_int32_t) :: answer
    answer = 0
    call check_status(ctorch_model_is_training(self%p, answer), 'torch_model_is_training')
    torch_model_is_training = answer /= 0
  end function torch_model_is_training

  integer function torch_model_count_parameters(model)
    !! Number of parameters (weight tensors).
    class(torch_model), intent(in) :: model
    integer(c_int32_t) :: count
    count = 0
    call check_status(ctorch_model_count_parameters(model%p, count), 'torch_model_count_parameters')
    torch_model_count_parameters = int(count)
  end function torch_model_count_parameters

  subroutine torch_model_parameters(model, output_tensors, stat, errmsg)
    !! Tensors that share the model's weights; their number must match.
    class(torch_model), intent(in) :: model
    type(torch_tensor), intent(inout) :: output_tensors(:)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(c_ptr) :: handles(size(output_tensors))
    integer(c_int32_t) :: status
    integer :: i
    do i = 1, size(handles)
      handles(i) = output_tensors(i)%p
    end do
    status = ctorch_model_parameters(model%p, handles, int(size(handles), c_int32_t))
    do i = 1, size(handles)
      output_tensors(i)%p = handles(i)
    end do
    call check_status(status, 'torch_model_parameters', stat, errmsg)
  end subroutine torch_model_parameters

  function model_parameters(model) result(list)
    !! The parameters, for an optimizer: `call torch_optim_sgd(optim, model%parameters())`.
    class(torch_model), intent(in) :: model
    type(torch_parameters) :: list
    list%p = model%p
  end function model_parameters

  subroutine torch_model_train(model, mode, stat, errmsg)
    !! Training mode (dropout drops, batch normalization learns), or with `mode=.false.` evaluation mode.
    class(torch_model), intent(in) :: model
    logical, optional, intent(in) :: mode
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_model_set_training(model%p, flag(mode, default=.true.)), 'torch_model_train', stat, errmsg)
  end subroutine torch_model_train

  subroutine torch_model_eval(model, stat, errmsg)
    !! Evaluation mode.
    class(torch_model), intent(in) :: model
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_model_set_training(model%p, 0_c_int32_t), 'torch_model_eval', stat, errmsg)
  end subroutine torch_model_eval

  subroutine torch_model_zero_grad(model, stat, errmsg)
    !! Forgets the gradients of all parameters.
    class(torch_model), intent(in) :: model
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_model_zero_grad(model%p), 'torch_model_zero_grad', stat, errmsg)
  end subroutine torch_model_zero_grad

  subroutine torch_model_self_test(model, max_difference, stat, errmsg)
    !! Replays the sample of inputs and outputs that the model file carries.
    class(torch_model), intent(in) :: model
    real(real64), intent(out) :: max_difference
      !! Largest absolute difference over all outputs, in the outputs' units; infinite for a NaN that the sample does not have
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(c_double) :: difference
    difference = huge(difference)
    call check_status(ctorch_model_self_test(model%p, difference), 'torch_model_self_test', stat, errmsg)
    max_difference = difference
  end subroutine torch_model_self_test

end module ftorch_model
