module autograd_scenarios
  !! Derivatives of expressions and of networks. Every line printed is a name and its numbers, which eager PyTorch knows, too.
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: ftorch
  implicit none (type, external)
  private
  public :: gradients, products, matrices, again, networks, unusual_networks, network_graph, checks, place

  character(len=:), allocatable :: folder

contains

  subroutine place(name)
    !! Where the model files are.
    character(len=*), intent(in) :: name
    folder = trim(name) // '/'
  end subroutine place

  elemental real(real64) function number(n)
    !! The data of all scenarios.
    integer, intent(in) :: n
    number = sin(real(n, real64)) + 0.1_real64 * n
  end function number

  subroutine show(name, tensor)
    character(len=*), intent(in) :: name
    type(torch_tensor), intent(in) :: tensor
    type(torch_tensor) :: mine
    real(real64), allocatable, target :: values(:)
    mine = tensor  ! an expression is read once
    allocate (values(mine%numel()))
    call torch_tensor_copy_to(torch_reshape(torch_detach(mine), [-1]), values, convert=.true.)
    call print_all(name, values)
  end subroutine show

  subroutine print_all(name, values)
    character(len=*), intent(in) :: name
    real(real64), intent(in) :: values(:)
    write (*, '(a,*(1x,es24.16e3))') name, values
  end subroutine print_all

  subroutine make(tensor, first, sizes)
    !! A tensor that requires gradients; its elements are numbered row by row.
    type(torch_tensor), intent(inout) :: tensor
    integer, intent(in) :: first, sizes(:)
    real(real64), target :: values(product(sizes))
    integer :: i
    values = number([(first + i, i=0, size(values) - 1)])
    call torch_tensor_from_array(tensor, values, copy=.true.)
    tensor = torch_reshape(tensor, sizes)
    call torch_tensor_set_requires_grad(tensor)
  end subroutine make

  subroutine gradients()
    type(torch_tensor) :: x, w, v, y, z, g(2), s
    real(real64), target :: seen(2, 3), ones(2, 3)
    call make(x, 1, [2, 3])
    call make(w, 7, [2, 3])
    call make(v, 13, [2, 3])
    y = torch_sin(x) * w + x**3 / w
    call torch_tensor_backward(y, v, retain_graph=.true.)
    call show('external', torch_gradient(x))
    call show('external_w', torch_gradient(w))
    call torch_tensor_backward(y, external_gradient=v)
    call show('accumulated', torch_gradient(x))
    call torch_tensor_zero_grad(x)
    s = torch_sum(x**4)
    call torch_tensor_backward(s, create_graph=.true.)
    s = torch_sum(torch_gradient(x) * torch_gradient(x))
    call torch_tensor_zero_grad(x)
    call torch_tensor_backward(s)
    call show('create_graph', torch_gradient(x))
    y = torch_exp(x * w)
    z = torch_sum(x + w * w)
    call torch_grad([y, z], [x, w], g, grad_outputs=[v, s], retain_graph=.true.)
    call show('grad_1', g(1))
    call show('grad_2', g(2))
    call torch_grad(y, x, g(1), grad_output=v)
    call show('grad_single', g(1))
    call torch_tensor_from_array(s, seen)
    ones = 1
    seen = -1
    call torch_grad(z, x, s)
    call print_all('grad_wrapped', [seen, real(merge(1, 0, all(abs(seen - ones) <= 0)), real64)])
    z = torch_sum(w)
    call torch_grad([z], [x, w], g, allow_unused=.true.)
    call show('unused', g(1))
    call complex_gradient()
    call torch_tensor_set_requires_grad(x, .false.)
    y = x * 2
    call print_all('not_required', [real(merge(1, 0, y%requires_grad()), real64)])
  end subroutine gradients

  subroutine complex_gradient()
    type(torch_tensor) :: z, g
    complex(real64), target :: values(3)
    values = cmplx(number([1, 2, 3]), number([4, 5, 6]), real64)
    call torch_tensor_from_array(z, values, requires_grad=.true.)
    call torch_grad(torch_sum(torch_abs(z * z * (0.5_real64, 2.0_real64))), z, g)
    call torch_tensor_copy_to(g, values)
    call print_all('complex', [real(values), aimag(values)])
  end subroutine complex_gradient

  subroutine function_of(x, y)
    !! [2, 3] to [3]
    type(torch_tensor), intent(in) :: x
    type(torch_tensor), intent(inout) :: y
    y = torch_sum(torch_sin(x) * x**2, 1) + torch_prod(x, 1)
  end subroutine function_of

  subroutine products()
    type(torch_tensor) :: x, y, v, u
    call make(x, 1, [2, 3])
    call make(v, 11, [3])
    call make(u, 17, [2, 3])
    call function_of(x, y)
    call show('vjp', torch_vjp(y, x, v, retain_graph=.true.))
    call show('jvp', torch_jvp(y, x, u))
    call show('vjp_of_expression', torch_vjp(torch_sin(x) * 2.0_real64, x, u))
    call show('jvp_constant', torch_jvp(torch_floor(x), x, u))
    call show('jvp_after_jvp', torch_jvp(y, x, u))
    call show('vjp_last', torch_vjp(y, x, v))
  end subroutine products

  subroutine matrices()
    type(torch_tensor) :: x, y, jac, hess
    call make(x, 1, [2, 3])
    call function_of(x, y)
    jac = torch_jacobian(y, x, retain_graph=.true.)
    call print_all('jacobian_shape', real(jac%get_shape(), real64))
    call show('jacobian', jac)
    call show('jacobian_twice', torch_jacobian(y, x))
    call function_of(x, y)
    hess = torch_hessian(torch_sum(y), x, retain_graph=.true.)
    call print_all('hessian_shape', real(hess%get_shape(), real64))
    call show('hessian', hess)
    call show('hessian_linear', torch_hessian(torch_sum(x * 3), x))
    jac = torch_jacobian(torch_sum(x * x), x)
    call print_all('jacobian_of_number', real(jac%get_shape(), real64))
  end subroutine matrices

  subroutine again()
    !! Derivatives of derivatives.
    type(torch_tensor) :: x, y, jac, third
    call make(x, 1, [2, 3])
    call function_of(x, y)
    jac = torch_jacobian(y, x, create_graph=.true.)
    call show('second', torch_jacobian(jac, x))
    y = torch_sum(torch_sin(x))
    third = torch_hessian(y, x, create_graph=.true.)
    call show('third', torch_jacobian(third, x))
    call show('mixed', torch_vjp(torch_jvp(torch_sum(x**3), x, x, create_graph=.true.), x, torch_ones_like(torch_sum(x))))
  end subroutine again

  subroutine networks()
    type(torch_model) :: model, plain, scalar
    real(real64), target :: x(4), y(3), jac(3, 4), turned(4, 3), batch(4, 2), all_y(3, 2), all_jac(2, 3, 2, 4), hess(4, 4), energy
    real(real32), target :: x32(4), jac32(3, 4)
    integer :: i
    x = number([1, 2, 3, 4])
    call torch_model_load(model, folder // 'network.pt')
    call torch_model_load(plain, folder // 'plain.pt', requires_grad=.true.)
    call torch_model_load(scalar, folder // 'scalar.pt')
    do i = 1, 4  ! the executor changes its plan in the first calls
      call torch_model_jacobian(model, x, jac, y)
    end do
    call print_all('model_jacobian', [transpose(jac)])
    call print_all('model_output', y)
    call torch_model_jacobian(model, x, turned, jac_permute_dims=[2, 1])
    call print_all('model_turned', [turned])
    batch = reshape(number([1, 2, 3, 4, 5, 6, 7, 8]), [4, 2])
    call torch_model_jacobian(model, batch, all_jac, all_y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call print_all('model_batch', [transpose(all_jac(2, :, 2, :))])
    call print_all('model_batch_other', [all_jac(1, :, 2, :), all_jac(2, :, 1, :)])
    call print_all('model_batch_output', all_y(:, 2))
    call torch_model_jacobian(plain, x, jac)
    call print_all('plain_jacobian', [transpose(jac)])
    x32 = real(x, real32)
    call torch_model_jacobian(plain, x32, jac32, convert=.true.)
    call print_all('converted', real([transpose(jac32)], real64))
    do i = 1, 4
      call scalar%hessian(x, hess, energy)
    end do
    call print_all('model_hessian', [hess])
    call print_all('scalar_output', [energy])
    call torch_no_grad_begin()
    call torch_inference_begin()
    jac = 0
    call model%jacobian(x, jac)
    call torch_inference_end()
    call torch_no_grad_end()
    call print_all('inside_scopes', [transpose(jac)])
  end subroutine networks

  subroutine unusual_networks()
    !! One whose samples see each other, one that takes one at a time, one that counts its calls, and one that is large.
    type(torch_model) :: coupled, single, counting, wide
    real(real64), target :: x(4), jac(4, 4)
    real(real64), allocatable, target :: field(:), slope(:, :)
    integer, parameter :: n = 60000
    integer :: i
    x = number([1, 2, 3, 4])
    call torch_model_load(coupled, folder // 'coupled.pt')
    call torch_model_jacobian(coupled, x, jac)
    call print_all('coupled', [jac])
    call torch_model_load(single, folder // 'single.pt')
    call torch_model_jacobian(single, x, jac)
    call print_all('single', [jac])
    call torch_model_load(counting, folder // 'counting.pt')
    do i = 1, 3
      call torch_model_jacobian(counting, x, jac)
    end do
    call print_all('counted', [jac])
    allocate (field(5 * n), slope(5, 5 * n))
    field = number([(mod(i, 7), i=1, size(field))])
    call torch_model_load(wide, folder // 'wide.pt')
    call torch_model_jacobian(wide, field, slope)
    do i = 1, 5  ! each output is the squared sum of its own part
      slope(i, (i - 1) * n + 1:i * n) = slope(i, (i - 1) * n + 1:i * n) / (2 * sum(field((i - 1) * n + 1:i * n))) - 1
    end do
    call print_all('wide', [maxval(abs(slope))])
  end subroutine unusual_networks

  subroutine network_graph()
    !! The graph through a network, into its weights, and through a gradient penalty.
    type(torch_model) :: model
    type(torch_tensor) :: x(1), y(1), w(4), g(4), slope
    integer :: i
    call make(x(1), 1, [1, 4])
    call torch_model_load(model, folder // 'network.pt', requires_grad=.true.)
    call torch_model_parameters(model, w)
    do i = 1, 4
      call torch_model_forward(model, x, y, requires_grad=.true.)
      call torch_grad(torch_sum(y(1) * y(1)), x(1), slope, create_graph=.true.)
      call torch_grad([torch_sum(slope * slope)], w, g, allow_unused=.true.)
    end do
    call show('penalty', g(1))
    call torch_model_forward(model, x, y, requires_grad=.true.)
    call show('forward_jacobian', torch_jacobian(y(1), x(1), retain_graph=.true.))
    call torch_tensor_backward(torch_sum(y(1)))
    call show('weights', torch_gradient(w(1)))
  end subroutine network_graph

  subroutine checks()
    type(torch_tensor) :: x(2)
    real(real64) :: right, wrong, part
    call make(x(1), 1, [2, 3])
    call make(x(2), 9, [3])
    x(1) = torch_transpose(x(1), 1, 2)  ! not in PyTorch's order
    call torch_gradient_check(smooth, x, right)
    call torch_gradient_check(cut, x, wrong)
    call torch_gradient_check(smooth, x, part, step=1e-3_real64)
    call print_all('check', [right, wrong, part])
  end subroutine checks

  subroutine smooth(inputs, output)
    type(torch_tensor), intent(in) :: inputs(:)
    type(torch_tensor), intent(inout) :: output
    output = torch_sin(torch_matmul(inputs(2), inputs(1))) * 2.5_real64 + torch_sum(inputs(1)**3)
  end subroutine smooth

  subroutine cut(inputs, output)
    !! A factor that the graph knows nothing of.
    type(torch_tensor), intent(in) :: inputs(:)
    type(torch_tensor), intent(inout) :: output
    output = torch_sin(torch_matmul(inputs(2), inputs(1))) * torch_sum(torch_detach(inputs(1)))
  end subroutine cut

end module autograd_scenarios

program autograd
  use :: autograd_scenarios
  use :: ftorch, only: torch_live_handles
  implicit none (type, external)
  character(len=1000) :: folder
  call get_command_argument(1, folder)
  call place(folder)
  call gradients()
  call products()
  call matrices()
  call again()
  call networks()
  call unusual_networks()
  call network_graph()
  call checks()
  write (*, '(a,i0)') 'live ', torch_live_handles()
end program autograd
