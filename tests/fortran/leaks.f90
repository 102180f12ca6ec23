module leaks_scenarios
  !! Many times the same, and the memory must stay flat.
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: ftorch
  implicit none (type, external)
  private
  public :: forwards, tensors, expressions, operations, functions, backwards, errors, loads, training

contains

  subroutine forwards(n, file)
    integer, intent(in) :: n
    character(len=*), intent(in) :: file
    type(torch_model) :: model
    type(torch_tensor) :: x(1), y(1), z(1)
    real(real32), target :: a(2, 5), b(2, 3)
    integer :: i
    a = 1
    call torch_model_load(model, file)
    call torch_tensor_from_array(x(1), a)
    call torch_tensor_from_array(y(1), b)
    do i = 1, n
      call torch_model_forward(model, x, y)
      call model%infer(a, b)
      call torch_model_forward(model, x, z)
    end do
  end subroutine forwards

  subroutine tensors(n)
    integer, intent(in) :: n
    type(torch_tensor) :: t, u
    real(real32), target :: a(10)
    integer :: i
    a = 1
    do i = 1, n
      call torch_tensor_from_array(t, a)
      call torch_tensor_delete(t)
      call torch_tensor_empty(u, 1, [100_int64], torch_kFloat32, torch_kCPU)
    end do
  end subroutine tensors

  subroutine expressions(n)
    integer, intent(in) :: n
    type(torch_tensor) :: a, b, c
    integer :: i
    call torch_tensor_ones(a, 1, [100_int64], torch_kFloat32, torch_kCPU)
    call torch_tensor_ones(b, 1, [100_int64], torch_kFloat32, torch_kCPU)
    do i = 1, n
      c = a * b + a
    end do
    if (torch_live_handles(torch_handle_tensor) /= 3) error stop 'intermediate results are alive'
  end subroutine expressions

  subroutine operations(n)
    !! Numbers, arrays, views, lists, in place.
    integer, intent(in) :: n
    type(torch_tensor) :: a, b, c, parts(2)
    real(real32) :: array(100)
    integer :: i
    array = 2
    a = torch_ones([100])
    b = torch_full([100], 0.5)
    do i = 1, n
      c = a + b * a - (-b)
      c = torch_exp(-c) * 2 + array - b ** 2.0
      c = torch_sum(torch_reshape(torch_cat([a + b, b, torch_slice(a, 1, 1, 50)]), [25, 10]), dim=1)
      call torch_split(a * b, [40, 60], 1, parts)
      call torch_tensor_add(c, torch_maximum(c, 0))
    end do
    if (torch_live_handles(torch_handle_tensor) /= 5) error stop 'intermediate results are alive'
  end subroutine operations

  subroutine functions(n)
    integer, intent(in) :: n
    type(torch_tensor) :: a, b
    integer :: i
    call torch_tensor_ones(a, 1, [100_int64], torch_kFloat32, torch_kCPU)
    do i = 1, n
      b = doubled(a) + doubled(a)
    end do
  end subroutine functions

  function doubled(t) result(r)
    type(torch_tensor), intent(in) :: t
    type(torch_tensor) :: r
    r = t + t
    call torch_tensor_yield(r)
  end function doubled

  subroutine backwards(n)
    !! Graphs go with the variables that hold them, also those of higher derivatives and those that were never run through.
    integer, intent(in) :: n
    type(torch_tensor) :: x, y, g, h
    type(torch_grad_scope) :: scope
    integer :: i
    call torch_tensor_full(x, 0.5_real64, [20_int64], requires_grad=.true.)
    do i = 1, n
      y = torch_sum(torch_sin(x) * x)
      call torch_tensor_backward(y, retain_graph=.true.)
      call torch_tensor_zero_grad(x)
      call torch_grad(y, x, g, create_graph=.true.)
      call torch_tensor_backward(torch_sum(g * g), create_graph=.true.)
      h = torch_gradient(x)
      call torch_tensor_zero_grad(x)
      h = torch_jvp(y, x, x) + torch_vjp(y, x, y, retain_graph=.true.)
      if (mod(i, 20) == 0) h = torch_hessian(y, x)
      call scope%no_grad()
      h = x * 2
      call scope%restore()
    end do
    if (torch_live_handles(torch_handle_tensor) /= 4) error stop 'intermediate results are alive'
  end subroutine backwards

  subroutine errors(n)
    integer, intent(in) :: n
    type(torch_tensor) :: t
    real(real32), target :: a(10)
    character(len=200) :: message
    integer :: i, status
    do i = 1, n
      call torch_tensor_from_array(t, a(10:1:-1), stat=status, errmsg=message)
      if (status == 0) error stop 'no error'
    end do
  end subroutine errors

  subroutine loads(n, file, bad)
    integer, intent(in) :: n
    character(len=*), intent(in) :: file, bad
    type(torch_model) :: model
    integer :: i, status
    do i = 1, n
      call torch_model_load(model, file)
      call torch_model_load(model, bad, stat=status)
      if (status == 0) error stop 'no error'
    end do
  end subroutine loads

  subroutine training(n)
    !! Everything that a step of training may call.
    integer, intent(in) :: n
    type(torch_model) :: model
    type(torch_optim) :: optim, another
    type(torch_schedule) :: warmup(2), schedule
    type(torch_ema) :: ema
    type(torch_tensor) :: x(1), y(1), expected, loss
    real(real32), target :: a(2, 5), b(2, 3)
    integer :: i, before
    a = 1
    b = 2
    call torch_model_load(model, 'linear.pt', requires_grad=.true., is_training=.true.)
    call torch_tensor_from_array(x(1), a)
    call torch_tensor_from_array(expected, b)
    call torch_optim_Adam(optim, model)
    call torch_schedule_warmup(warmup(1), optim, 10)
    call torch_schedule_cosine(warmup(2), optim, 100)
    call torch_schedule_sequential(schedule, warmup, [10])
    call torch_ema_create(ema, model)
    before = 0
    do i = 1, n
      call optim%zero_grad()
      call torch_model_forward(model, x, y, requires_grad=.true.)
      loss = torch_mean((y(1) - expected)**2)
      call torch_tensor_backward(loss)
      call torch_clip_grad_norm(model, 1.0_real64)
      another = optim
      call another%step()
      call schedule%step()
      call torch_ema_update(ema, model)
      if (i == 1) before = int(torch_live_handles())
    end do
    if (torch_live_handles() /= before) error stop 'steps leave handles'
  end subroutine training

end module leaks_scenarios

program leaks
  use :: ftorch, only: torch_live_handles
  use :: leaks_scenarios
  use :: process_memory, only: resident
  implicit none (type, external)
  character(len=20) :: name, count
  character(len=100) :: file, bad
  integer :: n, i, before, after
  call get_command_argument(1, name)
  call get_command_argument(2, count)
  read (count, *) n
  file = 'linear.pt'
  bad = 'corrupt.pt'
  if (command_argument_count() > 2) then  ! other models
    call get_command_argument(3, file)
    call get_command_argument(4, bad)
  end if
  do i = 1, 2  ! fills pools and caches; a second model of a kind takes more than the first left
    call repeat_it(max(n / 20, 1))
  end do
  before = resident()
  call repeat_it(n)
  after = resident()
  if (torch_live_handles() /= 0) error stop 'handles are left'
  write (*, '(a,i0)') 'grown by kB: ', after - before

contains

  subroutine repeat_it(times)
    integer, intent(in) :: times
    select case (name)
    case ('forwards')
      call forwards(times, trim(file))
    case ('tensors')
      call tensors(times)
    case ('expressions')
      call expressions(times)
    case ('operations')
      call operations(times)
    case ('functions')
      call functions(times)
    case ('backwards')
      call backwards(times)
    case ('errors')
      call errors(times)
    case ('training')
      call training(times)
    case ('loads')
      call loads(times, trim(file), trim(bad))
    case default
      error stop 'no such scenario'
    end select
  end subroutine repeat_it

end program leaks
