module ftorch_autograd
  !! Automatic differentiation: gradients by backward passes, derivatives of expressions. A graph is freed by the call that runs
  !! through it unless retain_graph keeps it; with create_graph the derivative can be differentiated again.
  use, intrinsic :: iso_c_binding, only: c_associated, c_int32_t, c_null_ptr, c_ptr
  use :: ftorch_arguments, only: handles
  use :: ftorch_capi, only: ctorch_autograd_grad, ctorch_autograd_gradient, ctorch_autograd_hessian, ctorch_autograd_jacobian, &
    ctorch_autograd_jvp, ctorch_autograd_vjp, ctorch_tensor_backward, ctorch_tensor_gradient, ctorch_tensor_set_requires_grad
  use :: ftorch_compiler, only: result_lifetime
  use :: ftorch_error, only: flag, refuse, check_status
  use :: ftorch_tensor_type, only: torch_tensor
  use :: ftorch_types, only: torch_error_handle
  implicit none (type, external)
  private

  public :: torch_tensor_backward, torch_tensor_get_gradient
  public :: torch_tensor_set_requires_grad, torch_gradient, torch_grad, torch_vjp, torch_jvp, torch_jacobian, torch_hessian

  interface torch_tensor_backward
    !! Back-propagates from a tensor: with an external gradient of the tensor's shape, or else from the sum of its elements. What
    !! it finds is added to the gradients of the tensors that were made with requires_grad. With create_graph these can be
    !! differentiated themselves; then call zero_grad when done, because such a gradient and its tensor keep each other alive.
    !! torch_grad has no such care.
    module procedure backward_scalar, backward_gradient
  end interface torch_tensor_backward

  interface torch_grad
    !! Gradients of outputs (their sum) with respect to inputs, nothing accumulated: one for each input. An output of several
    !! elements needs grad_outputs. A gradient that wraps a Fortran array is written through.
    module procedure grad_single, grad_several
  end interface torch_grad

contains

  subroutine backward_scalar(tensor, retain_graph, create_graph, stat, errmsg)
    type(torch_tensor), intent(in) :: tensor
    logical, optional, intent(in) :: retain_graph, create_graph
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_tensor_backward(tensor%p, c_null_ptr, flag(retain_graph), flag(create_graph)), &
      'torch_tensor_backward', stat, errmsg)
  end subroutine backward_scalar

  subroutine backward_gradient(tensor, external_gradient, retain_graph, create_graph, stat, errmsg)
    type(torch_tensor), intent(in) :: tensor
    type(torch_tensor), intent(in) :: external_gradient
    logical, optional, intent(in) :: retain_graph, create_graph
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    if (.not. c_associated(external_gradient%p)) then
      call refuse(torch_error_handle, 'torch_tensor_backward', &
        "argument 'external_gradient' is not initialised; leave it out for a gradient of one for each element", stat, errmsg)
      return
    end if
    call check_status(ctorch_tensor_backward(tensor%p, external_gradient%p, flag(retain_graph), flag(create_graph)), &
      'torch_tensor_backward', stat, errmsg)
  end subroutine backward_gradient

  subroutine torch_tensor_get_gradient(gradient, tensor, stat, errmsg)
    !! Copy of the gradient accumulated in a tensor that was made with requires_grad. A `gradient` that wraps a Fortran array is
    !! written through.
    type(torch_tensor), intent(inout) :: gradient
    type(torch_tensor), intent(in) :: tensor
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_tensor_gradient(tensor%p, gradient%p), 'torch_tensor_get_gradient', stat, errmsg)
  end subroutine torch_tensor_get_gradient

  function torch_gradient(tensor) result(r)
    !! Copy of the gradient accumulated in a tensor that was made with requires_grad.
    type(torch_tensor), intent(in) :: tensor
    type(torch_tensor) :: r
    call check_status(ctorch_autograd_gradient(tensor%p, result_lifetime, r%p), 'torch_gradient')
  end function torch_gradient

  subroutine torch_tensor_set_requires_grad(tensor, requires_grad, stat, errmsg)
    !! Starts (or with .false. stops) recording what is computed from a tensor. Only a tensor that was made, not computed from
    !! others that require gradients, can stop.
    type(torch_tensor), intent(in) :: tensor
    logical, optional, intent(in) :: requires_grad
      !! .true. unless given
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_tensor_set_requires_grad(tensor%p, flag(requires_grad, .true.)), 'torch_tensor_set_requires_grad', &
      stat, errmsg)
  end subroutine torch_tensor_set_requires_grad

  subroutine grad_several(outputs, inputs, gradients, grad_outputs, retain_graph, create_graph, allow_unused, stat, errmsg)
    type(torch_tensor), intent(in) :: outputs(:), inputs(:)
    type(torch_tensor), intent(inout) :: gradients(:)
    type(torch_tensor), optional, intent(in) :: grad_outputs(:)
      !! One for each output, of its shape; a null one stands for the 1 of a single element
    logical, optional, intent(in) :: retain_graph, create_graph
    logical, optional, intent(in) :: allow_unused
      !! The gradient of an input that the outputs do not depend on is zero instead of an error
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(c_ptr) :: results(size(gradients))
    integer(c_int32_t) :: status
    integer :: i
    results = handles(gradients)
    if (present(grad_outputs)) then
      status = grad(handles(grad_outputs))
    else
      status = grad([c_null_ptr])
    end if
    do i = 1, size(results)
      gradients(i)%p = results(i)
    end do
    call check_status(status, 'torch_grad', stat, errmsg)

  contains

    integer(c_int32_t) function grad(given)
      type(c_ptr), intent(in) :: given(:)
      integer(c_int32_t) :: n_given
      n_given = 0
      if (present(grad_outputs)) n_given = int(size(given), c_int32_t)
      grad = ctorch_autograd_grad(handles(outputs), int(size(outputs), c_int32_t), handles(inputs), int(size(inputs), c_int32_t), &
        given, n_given, flag(retain_graph), flag(create_graph), flag(allow_unused), results, int(size(results), c_int32_t))
    end function grad

  end subroutine grad_several

  subroutine grad_single(output, input, gradient, grad_output, retain_graph, create_graph, allow_unused, stat, errmsg)
    type(torch_tensor), intent(in) :: output, input
    type(torch_tensor), intent(inout) :: gradient
    type(torch_tensor), optional, intent(in) :: grad_output
    logical, optional, intent(in) :: retain_graph, create_graph, allow_unused
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(c_ptr) :: result(1), given(1)
    integer(c_int32_t) :: status
    result = gradient%p
    given = c_null_ptr
    if (present(grad_output)) given = grad_output%p
    status = ctorch_autograd_grad([output%p], 1_c_int32_t, [input%p], 1_c_int32_t, given, &
      merge(1_c_int32_t, 0_c_int32_t, present(grad_output)), flag(retain_graph), flag(create_graph), flag(allow_unused), &
      result, 1_c_int32_t)
    gradient%p = result(1)
    call check_status(status, 'torch_grad', stat, errmsg)
  end subroutine grad_single

  function torch_vjp(y, x, v, retain_graph, create_graph) result(r)
    !! v (of the shape of y) times the Jacobian matrix dy/dx: one pass backwards through the graph.
    type(torch_tensor), intent(in) :: y, x, v
    logical, optional, intent(in) :: retain_graph, create_graph
    type(torch_tensor) :: r
    call check_status(ctorch_autograd_vjp(y%p, x%p, v%p, flag(retain_graph), flag(create_graph), result_lifetime, r%p), 'torch_vjp')
  end function torch_vjp

  function torch_jvp(y, x, v, create_graph) result(r)
    !! The Jacobian matrix dy/dx times v (of the shape of x): the change of y along v. Two passes backwards; the graph stays.
    type(torch_tensor), intent(in) :: y, x, v
    logical, optional, intent(in) :: create_graph
    type(torch_tensor) :: r
    call check_status(ctorch_autograd_jvp(y%p, x%p, v%p, flag(create_graph), result_lifetime, r%p), 'torch_jvp')
  end function torch_jvp

  function torch_jacobian(y, x, retain_graph, create_graph) result(r)
    !! All derivatives dy(i,...)/dx(j,...), with the shape of y and then that of x: one pass for each element of y.
    type(torch_tensor), intent(in) :: y, x
    logical, optional, intent(in) :: retain_graph, create_graph
    type(torch_tensor) :: r
    call check_status(ctorch_autograd_jacobian(y%p, x%p, flag(retain_graph), flag(create_graph), result_lifetime, r%p), &
      'torch_jacobian')
  end function torch_jacobian

  function torch_hessian(y, x, retain_graph, create_graph) result(r)
    !! All second derivatives of a single number y, with the shape of x twice: one pass for each element of x.
    type(torch_tensor), intent(in) :: y, x
    logical, optional, intent(in) :: retain_graph, create_graph
    type(torch_tensor) :: r
    call check_status(ctorch_autograd_hessian(y%p, x%p, flag(retain_graph), flag(create_graph), result_lifetime, r%p), &
      'torch_hessian')
  end function torch_hessian

end module ftorch_autograd
