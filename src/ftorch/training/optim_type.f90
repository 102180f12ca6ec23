module ftorch_optim_type
  !! The optimizer: its type, life and death, steps, groups of parameters and learning rates.
  use, intrinsic :: iso_c_binding, only: c_f_pointer, c_funloc, c_int32_t, c_int64_t, c_loc, c_null_ptr, c_ptr
  use, intrinsic :: iso_fortran_env, only: real64
  use :: ftorch_arguments, only: handles, real_or
  use :: ftorch_capi, only: ctorch_model_count_parameters, ctorch_model_parameters, ctorch_optim_add_group, &
    ctorch_optim_base_learning_rate, ctorch_optim_defaults, ctorch_optim_delete, ctorch_optim_group_count, &
    ctorch_optim_learning_rate, ctorch_optim_load, ctorch_optim_option, ctorch_optim_save, &
    ctorch_optim_set_base_learning_rate, ctorch_optim_set_learning_rate, ctorch_optim_set_option, ctorch_optim_share, &
    ctorch_optim_step, ctorch_optim_step_closure, ctorch_optim_zero_grad
  use :: ftorch_error, only: int_or, refuse, check_status
  use :: ftorch_model, only: torch_model
  use :: ftorch_tensor_type, only: torch_tensor
  implicit none (type, external)
  private

  public :: torch_optim, torch_optim_delete, torch_optim_step, torch_optim_zero_grad, torch_optim_add_group
  public :: torch_optim_group_count, torch_optim_get_learning_rate, torch_optim_set_learning_rate, torch_closure
  public :: torch_optim_save, torch_optim_load, torch_optim_get_option, torch_optim_set_option
  public :: parameters_of, get_rates, set_rates, set_momentum, base_learning_rate, set_base_learning_rate

  type :: torch_optim
    !! An optimizer. Assignment shares it; the last variable that goes frees it. It keeps its parameters alive.
    type(c_ptr) :: p = c_null_ptr
      !! Handle, not an address; null means "no optimizer"
  contains
    procedure :: step => torch_optim_step
    procedure :: zero_grad => torch_optim_zero_grad
    procedure :: group_count => torch_optim_group_count
    procedure :: get_learning_rate => torch_optim_get_learning_rate
    procedure :: set_learning_rate => torch_optim_set_learning_rate
    procedure :: get_option => torch_optim_get_option
    procedure :: set_option => torch_optim_set_option
    procedure :: save => torch_optim_save
    procedure :: load => torch_optim_load
    procedure, private :: add_tensors
    procedure, private :: add_model
    generic :: add_group => add_tensors, add_model
    procedure, private :: share
    generic :: assignment(=) => share
    final :: torch_optim_delete
  end type torch_optim

  interface torch_optim_add_group
    !! Adds parameters with a learning rate, a weight decay and options of their own; what is left out is as the optimizer was
    !! made. An option that the optimizer does not have is an error.
    module procedure add_tensors, add_model
  end interface torch_optim_add_group

  abstract interface
    subroutine torch_closure(loss, stat, errmsg)
      !! Sets the gradients to zero, computes the loss, back-propagates it, and gives it. A procedure that fails sets `stat`,
      !! which is 0 before, and `errmsg`; then the step ends with both.
      import :: torch_tensor
      implicit none (type, external)
      type(torch_tensor), intent(inout) :: loss
      integer, intent(inout) :: stat
      character(len=*), intent(inout) :: errmsg
    end subroutine torch_closure
  end interface

  integer, parameter :: message_length = 1000

  type :: closure_call
    ! A procedure of the caller on its way through C.
    procedure(torch_closure), pointer, nopass :: run => null()
    character(len=message_length) :: message = ''
  end type closure_call

contains

  impure elemental subroutine torch_optim_delete(optim)
    !! Releases an optimizer; harmless for one that is null or was released already. Its parameters stay.
    type(torch_optim), intent(inout) :: optim
    integer(c_int32_t) :: status
    status = ctorch_optim_delete(optim%p)
  end subroutine torch_optim_delete

  impure elemental subroutine share(left, right)
    !! `left = right` makes both names of one optimizer.
    class(torch_optim), intent(inout) :: left
    class(torch_optim), intent(in) :: right
    call check_status(ctorch_optim_share(right%p, left%p), 'assignment of torch_optim')
  end subroutine share

  subroutine torch_optim_zero_grad(optim, stat, errmsg)
    !! Forgets the gradients of all parameters. Without this call they add up from one torch_tensor_backward to the next.
    class(torch_optim), intent(in) :: optim
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_optim_zero_grad(optim%p), 'torch_optim_zero_grad', stat, errmsg)
  end subroutine torch_optim_zero_grad

  subroutine torch_optim_step(optim, closure, loss, stat, errmsg)
    !! Changes the parameters by their gradients; one without a gradient stays as it is.
    class(torch_optim), intent(in) :: optim
    procedure(torch_closure), optional :: closure
      !! Computes loss and gradients anew; torch_optim_LBFGS needs it. May be an internal procedure
    type(torch_tensor), optional, intent(inout) :: loss
      !! Receives the loss that the closure gave first
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(closure_call), target :: call_back
    type(torch_tensor) :: first
    integer(c_int32_t) :: status
    if (.not. present(closure)) then
      call check_status(ctorch_optim_step(optim%p), 'torch_optim_step', stat, errmsg)
      return
    end if
    call_back%run => closure
    if (present(loss)) then
      status = ctorch_optim_step_closure(optim%p, c_funloc(run_closure), c_loc(call_back), loss%p)
    else
      status = ctorch_optim_step_closure(optim%p, c_funloc(run_closure), c_loc(call_back), first%p)
    end if
    if (call_back%message == '') then
      call check_status(status, 'torch_optim_step', stat, errmsg)
    else
      call refuse(int(status), 'torch_optim_step', 'the closure failed: ' // trim(call_back%message), stat, errmsg)
    end if
  end subroutine torch_optim_step

  function run_closure(context, loss) result(status) bind(C)
    type(c_ptr), value :: context
    type(c_ptr), intent(inout) :: loss
    integer(c_int32_t) :: status
    type(closure_call), pointer :: call_back
    type(torch_tensor) :: given
    integer :: stat
    call c_f_pointer(context, call_back)
    stat = 0
    call call_back%run(given, stat, call_back%message)
    if (stat == 0) call_back%message = ''
    status = int(stat, c_int32_t)
    loss = given%p  ! the handle moves to the caller
    given%p = c_null_ptr
  end function run_closure

  subroutine add_tensors(optim, parameters, learning_rate, weight_decay, momentum, dampening, beta_1, beta_2, eps, alpha, &
    lr_decay, initial_accumulator_value, stat, errmsg)
    class(torch_optim), intent(in) :: optim
    type(torch_tensor), intent(in) :: parameters(:)
    real(real64), optional, intent(in) :: learning_rate, weight_decay, momentum, dampening, beta_1, beta_2, eps, alpha, lr_decay
    real(real64), optional, intent(in) :: initial_accumulator_value
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call add(optim, parameters, 0_c_int32_t, 0_c_int32_t, learning_rate, weight_decay, momentum, dampening, beta_1, beta_2, &
      eps, alpha, lr_decay, initial_accumulator_value, stat, errmsg)
  end subroutine add_tensors

  subroutine add_model(optim, model, learning_rate, weight_decay, momentum, dampening, beta_1, beta_2, eps, alpha, &
    lr_decay, initial_accumulator_value, stat, errmsg)
    class(torch_optim), intent(in) :: optim
    class(torch_model), intent(in) :: model
    real(real64), optional, intent(in) :: learning_rate, weight_decay, momentum, dampening, beta_1, beta_2, eps, alpha, lr_decay
    real(real64), optional, intent(in) :: initial_accumulator_value
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor), allocatable :: parameters(:)
    integer(c_int32_t) :: status
    call parameters_of(model, parameters, status)
    call add(optim, parameters, 1_c_int32_t, status, learning_rate, weight_decay, momentum, dampening, beta_1, beta_2, &
      eps, alpha, lr_decay, initial_accumulator_value, stat, errmsg)
  end subroutine add_model

  subroutine add(optim, parameters, whole_model, status, learning_rate, weight_decay, momentum, dampening, beta_1, beta_2, eps, &
    alpha, lr_decay, initial_accumulator_value, stat, errmsg)
    class(torch_optim), intent(in) :: optim
    type(torch_tensor), intent(in) :: parameters(:)
    integer(c_int32_t), intent(in) :: whole_model, status
    real(real64), optional, intent(in) :: learning_rate, weight_decay, momentum, dampening, beta_1, beta_2, eps, alpha, lr_decay
    real(real64), optional, intent(in) :: initial_accumulator_value
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    character(len=:), allocatable :: names
    real(real64), allocatable :: values(:)
    integer(c_int32_t) :: result
    real(real64) :: usual_rate, usual_decay
    names = ''
    values = [real(real64) ::]
    call give('momentum', momentum)
    call give('dampening', dampening)
    call give('beta_1', beta_1)
    call give('beta_2', beta_2)
    call give('eps', eps)
    call give('alpha', alpha)
    call give('lr_decay', lr_decay)
    call give('initial_accumulator_value', initial_accumulator_value)
    result = status
    if (result == 0) result = ctorch_optim_defaults(optim%p, usual_rate, usual_decay)
    if (result == 0) result = ctorch_optim_add_group(optim%p, handles(parameters), size(parameters, kind=c_int32_t), &
      whole_model, real_or(learning_rate, usual_rate), real_or(weight_decay, usual_decay), names, len(names, kind=c_int64_t), &
      values, size(values, kind=c_int32_t))
    call check_status(result, 'torch_optim_add_group', stat, errmsg)

  contains

    subroutine give(name, value)
      character(len=*), intent(in) :: name
      real(real64), optional, intent(in) :: value
      if (.not. present(value)) return
      names = names // name // ','
      values = [values, value]
    end subroutine give

  end subroutine add

  real(real64) function torch_optim_get_option(optim, name, group)
    !! A number of the rule by the name of the argument that gave it, 'momentum' or 'beta_1' for instance: that of the first
    !! group, or of another, counted from 1.
    class(torch_optim), intent(in) :: optim
    character(len=*), intent(in) :: name
    integer, optional, intent(in) :: group
    torch_optim_get_option = 0
    call check_status(ctorch_optim_option(optim%p, int_or(group, 1), name, len_trim(name, kind=c_int64_t), &
      torch_optim_get_option), 'torch_optim_get_option')
  end function torch_optim_get_option

  subroutine torch_optim_set_option(optim, name, value, group, stat, errmsg)
    !! Sets such a number for all groups, or for one, counted from 1. What the rule remembers does not change with it: a momentum
    !! that was 0 stays 0, and another one does not become 0.
    class(torch_optim), intent(in) :: optim
    character(len=*), intent(in) :: name
    real(real64), intent(in) :: value
    integer, optional, intent(in) :: group
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_optim_set_option(optim%p, chosen_group(group), name, len_trim(name, kind=c_int64_t), value), &
      'torch_optim_set_option', stat, errmsg)
  end subroutine torch_optim_set_option

  integer function torch_optim_group_count(optim)
    !! Number of groups of parameters.
    class(torch_optim), intent(in) :: optim
    integer(c_int32_t) :: count
    count = 0
    call check_status(ctorch_optim_group_count(optim%p, count), 'torch_optim_group_count')
    torch_optim_group_count = int(count)
  end function torch_optim_group_count

  real(real64) function torch_optim_get_learning_rate(optim, group)
    !! Learning rate of the first group, or of another, counted from 1.
    class(torch_optim), intent(in) :: optim
    integer, optional, intent(in) :: group
    torch_optim_get_learning_rate = 0
    call check_status(ctorch_optim_learning_rate(optim%p, int_or(group, 1), torch_optim_get_learning_rate), &
      'torch_optim_get_learning_rate')
  end function torch_optim_get_learning_rate

  subroutine torch_optim_set_learning_rate(optim, learning_rate, group, stat, errmsg)
    !! Sets the learning rate of all groups, or of one, counted from 1.
    class(torch_optim), intent(in) :: optim
    real(real64), intent(in) :: learning_rate
    integer, optional, intent(in) :: group
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_optim_set_learning_rate(optim%p, chosen_group(group), learning_rate), &
      'torch_optim_set_learning_rate', stat, errmsg)
  end subroutine torch_optim_set_learning_rate

  pure integer(c_int32_t) function chosen_group(group)
    !! 0 means all groups in C, and is a mistake in Fortran.
    integer, optional, intent(in) :: group
    chosen_group = int_or(group, 0)
    if (present(group)) then
      if (group == 0) chosen_group = -1
    end if
  end function chosen_group

  subroutine torch_optim_save(optim, filename, stat, errmsg)
    !! Saves learning rates, options and what is remembered about each parameter; the file appears under its name only when it is
    !! complete. torch_checkpoint_save does that together with the model.
    class(torch_optim), intent(in) :: optim
    character(len=*), intent(in) :: filename
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_optim_save(optim%p, filename, len_trim(filename, kind=c_int64_t)), 'torch_optim_save', stat, errmsg)
  end subroutine torch_optim_save

  subroutine torch_optim_load(optim, filename, stat, errmsg)
    !! Loads what torch_optim_save saved, into an optimizer that was made in the same way for the same parameters.
    class(torch_optim), intent(in) :: optim
    character(len=*), intent(in) :: filename
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_optim_load(optim%p, filename, len_trim(filename, kind=c_int64_t)), 'torch_optim_load', stat, errmsg)
  end subroutine torch_optim_load

  subroutine get_rates(optim, rates, status)
    !! Learning rates of all groups.
    type(torch_optim), intent(in) :: optim
    real(real64), allocatable, intent(out) :: rates(:)
    integer(c_int32_t), intent(out) :: status
    integer(c_int32_t) :: count, i
    count = 0
    status = ctorch_optim_group_count(optim%p, count)
    allocate (rates(count))
    do i = 1, count
      if (status == 0) status = ctorch_optim_learning_rate(optim%p, i, rates(i))
    end do
  end subroutine get_rates

  subroutine set_rates(optim, rates, status)
    type(torch_optim), intent(in) :: optim
    real(real64), intent(in) :: rates(:)
    integer(c_int32_t), intent(out) :: status
    integer(c_int32_t) :: i
    status = 0
    do i = 1, size(rates, kind=c_int32_t)
      if (status == 0) status = ctorch_optim_set_learning_rate(optim%p, i, rates(i))
    end do
  end subroutine set_rates

  subroutine set_momentum(optim, momentum, status)
    !! Of all groups: `momentum`, or what stands for it in the Adams.
    type(torch_optim), intent(in) :: optim
    real(real64), intent(in) :: momentum
    integer(c_int32_t), intent(out) :: status
    character(len=*), parameter :: other = 'beta_1', usual = 'momentum'
    real(real64) :: now
    if (ctorch_optim_option(optim%p, 1_c_int32_t, other, len(other, kind=c_int64_t), now) == 0) then
      status = ctorch_optim_set_option(optim%p, 0_c_int32_t, other, len(other, kind=c_int64_t), momentum)
    else
      status = ctorch_optim_set_option(optim%p, 0_c_int32_t, usual, len(usual, kind=c_int64_t), momentum)
    end if
  end subroutine set_momentum

  subroutine base_learning_rate(optim, group, learning_rate, status)
    !! The learning rate from which schedules start.
    type(torch_optim), intent(in) :: optim
    integer, intent(in) :: group
    real(real64), intent(out) :: learning_rate
    integer(c_int32_t), intent(out) :: status
    status = ctorch_optim_base_learning_rate(optim%p, int(group, c_int32_t), learning_rate)
  end subroutine base_learning_rate

  subroutine set_base_learning_rate(optim, group, learning_rate, status)
    type(torch_optim), intent(in) :: optim
    integer, intent(in) :: group
    real(real64), intent(in) :: learning_rate
    integer(c_int32_t), intent(out) :: status
    status = ctorch_optim_set_base_learning_rate(optim%p, int(group, c_int32_t), learning_rate)
  end subroutine set_base_learning_rate

  subroutine parameters_of(model, parameters, status)
    !! Tensors that share all weights of a model.
    class(torch_model), intent(in) :: model
    type(torch_tensor), allocatable, intent(out) :: parameters(:)
    integer(c_int32_t), intent(out) :: status
    type(c_ptr), allocatable :: list(:)
    integer(c_int32_t) :: count
    integer :: i
    count = 0
    status = ctorch_model_count_parameters(model%p, count)
    allocate (parameters(count), list(count))
    list = c_null_ptr
    if (status == 0) status = ctorch_model_parameters(model%p, list, count)
    do i = 1, count
      parameters(i)%p = list(i)
    end do
  end subroutine parameters_of

end module ftorch_optim_type
