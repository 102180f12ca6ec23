module parameters_scenarios
  !! What a model keeps, looked at and changed from Fortran. Each scenario prints lines of a name and numbers for the test to judge.
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: ftorch
  implicit none (type, external)
  private
  public :: run_scenario

contains

  subroutine run_scenario(name)
    character(len=*), intent(in) :: name
    select case (name)
    case ('names')
      call names()
    case ('by_name')
      call by_name()
    case ('freeze')
      call freeze()
    case ('modes')
      call modes()
    case ('inference')
      call inference()
    case ('copy')
      call copy()
    case ('gradients')
      call gradients()
    case ('states')
      call states()
    case ('sample')
      call sample()
    case ('double')
      call double()
    case ('random')
      call random()
    case default
      error stop 'no such scenario'
    end select
  end subroutine run_scenario

  subroutine show(name, values)
    character(len=*), intent(in) :: name
    real(real32), intent(in) :: values(:)
    write (*, '(a, *(1x, es16.9))') name, values
  end subroutine show

  subroutine show_names(title, list)
    character(len=*), intent(in) :: title, list(:)
    integer :: i
    write (*, '(*(a, 1x))') title, (trim(list(i)), i=1, size(list))
  end subroutine show_names

  subroutine show_weights(name, model)
    character(len=*), intent(in) :: name
    type(torch_model), intent(in) :: model
    real(real32), allocatable :: values(:)
    allocate (values(torch_model_flat_size(model)))
    call torch_model_flatten(model, values)
    call show(name, values)
  end subroutine show_weights

  subroutine input(x)
    real(real32), intent(out) :: x(4, 5)
    integer :: i, j
    do j = 1, 5
      do i = 1, 4
        x(i, j) = real(i - j, real32) / real(i + j, real32)
      end do
    end do
  end subroutine input

  subroutine show_inference(name, model)
    !! The model's answer through infer and through forward, which must agree.
    character(len=*), intent(in) :: name
    type(torch_model), intent(in) :: model
    real(real32), target :: x(4, 5), y(4, 3), z(4, 3)
    type(torch_tensor) :: inputs(1), outputs(1)
    call input(x)
    call model%infer(x, y)
    call torch_tensor_from_array(inputs(1), x)
    call torch_tensor_from_array(outputs(1), z)
    call model%forward(inputs, outputs)
    if (any(y /= z)) error stop 'infer and forward differ'
    call show(name, reshape(transpose(y), [size(y)]))
  end subroutine show_inference

  subroutine train_steps(model, steps)
    !! Plain descent of the mean of squares of the outputs.
    type(torch_model), intent(in) :: model
    integer, intent(in) :: steps
    type(torch_optim) :: optim
    integer :: step
    call torch_optim_SGD(optim, model%parameters(), learning_rate=0.1_real64)
    do step = 1, steps
      call optim%zero_grad()
      call backward(model)
      call optim%step()
    end do
    call model%zero_grad()
  end subroutine train_steps

  subroutine backward(model)
    type(torch_model), intent(in) :: model
    type(torch_tensor) :: inputs(1), outputs(1), loss
    real(real32), target :: x(4, 5)
    call input(x)
    call torch_tensor_from_array(inputs(1), x)
    call model%forward(inputs, outputs, requires_grad=.true.)
    loss = outputs(1) * outputs(1)
    call torch_tensor_mean(loss, loss)
    call torch_tensor_backward(loss)
  end subroutine backward

  subroutine names()
    type(torch_model) :: model
    character(len=:), allocatable :: list(:)
    character(len=200) :: errmsg
    integer :: stat
    call torch_model_load(model, 'network.pt')
    call torch_model_parameter_names(model, list)
    call show_names('parameters', list)
    call torch_model_buffer_names(model, list)
    call show_names('buffers', list)
    call torch_model_input_names(model, list)
    call show_names('inputs', list)
    call torch_model_output_names(model, list)
    call show_names('outputs', list)
    write (*, '(a, 3(1x, i0))') 'counts', torch_model_count_parameters(model), torch_model_count_buffers(model), &
      torch_model_flat_size(model)
    call show_weights('flat', model)
    call torch_model_load(model, 'identity.pt')
    call torch_model_parameter_names(model, list)
    call show_names('none', list)
    call torch_model_input_names(model, list)
    call show_names('none', list)
    call torch_model_load(model, 'tied.pt')
    call torch_model_parameter_names(model, list)
    call show_names('tied', list)
    call torch_model_delete(model)
    call torch_model_input_names(model, list, stat, errmsg)
    write (*, '(a, 2(1x, i0), 1x, a)') 'deleted', stat, size(list), trim(errmsg)
  end subroutine names

  subroutine by_name()
    type(torch_model) :: model
    type(torch_tensor) :: weight, shared, count
    real(real32), target :: bias(3), matrix(8, 5), mean(8), backwards(8)
    real(real64) :: wide(3)
    real(real32), pointer :: view(:)
    integer :: i
    call torch_model_load(model, 'network.pt', requires_grad=.true.)
    call torch_model_get_parameter(model, 'head.bias', shared)
    bias = [1, 2, 3]
    call torch_model_set_parameter(model, 'head.bias', bias)
    call torch_tensor_to_array(shared, view)
    call show('shared', view)
    view(2) = 20
    matrix = reshape([(real(i, real32) / 40, i=1, 40)], [8, 5])
    call torch_model_set_parameter(model, 'encoder.weight', matrix)
    wide = [0.5_real64, 0.25_real64, 0.125_real64]
    call show_inference('after', model)
    call torch_model_set_parameter(model, 'head.bias', wide, convert=.true.)
    call show('converted', view)
    call torch_model_get_parameter(model, 'encoder.weight', weight)
    call torch_tensor_copy_to(weight, matrix)
    call show('matrix', matrix(:, 2))
    call torch_model_set_parameter(model, 'norm.bias', 0 * matrix(:, 1))
    mean = 0.5
    call torch_model_set_buffer(model, 'norm.running_mean', mean)
    call torch_model_set_buffer(model, 'norm.num_batches_tracked', 7_int64)
    call torch_model_get_buffer(model, 'norm.num_batches_tracked', count)
    call torch_model_set_parameter(model, 'norm.weight', torch_abs(-weight_of_ones()))
    call torch_model_get_parameter(model, 'norm.weight', weight)
    backwards = 0
    call torch_tensor_copy_to(weight, backwards)
    call show('ones', backwards)
    call show_inference('buffers', model)
    call count%print()
  end subroutine by_name

  function weight_of_ones() result(ones)
    type(torch_tensor) :: ones
    call torch_tensor_ones(ones, 1, [8_int64], torch_kFloat32, torch_kCPU)
    call torch_tensor_yield(ones)
  end function weight_of_ones

  subroutine freeze()
    type(torch_model) :: model
    call torch_model_load(model, 'network.pt')
    call show_flags('loaded')
    call torch_model_load(model, 'network.pt', requires_grad=.false.)
    call show_flags('none')
    call torch_model_set_requires_grad(model, .true.)
    call show_flags('all')
    call torch_model_set_requires_grad(model, .false., 'encoder.*')
    call show_flags('encoder.*')
    call torch_model_set_requires_grad(model, .false., '*.b?as')
    call show_flags('*.b?as')
    call torch_model_set_requires_grad(model, .true., 'head.bias')
    call show_flags('head.bias')
    call torch_model_copy(model, model)
    call show_flags('copied')

  contains

    subroutine show_flags(title)
      character(len=*), intent(in) :: title
      type(torch_tensor), allocatable :: list(:)
      integer :: i
      allocate (list(torch_model_count_parameters(model)))
      call torch_model_parameters(model, list)
      write (*, '(a, *(1x, l1))') title, (list(i)%requires_grad(), i=1, size(list))
    end subroutine show_flags

  end subroutine freeze

  subroutine modes()
    type(torch_model) :: model
    type(torch_tensor) :: mean
    real(real32) :: values(8)
    call torch_model_load(model, 'network.pt', requires_grad=.true.)
    write (*, '(a, *(1x, l1))') 'loaded', model%is_training()
    call model%train()
    write (*, '(a, *(1x, l1))') 'train', model%is_training()
    call torch_manual_seed(3)
    call train_steps(model, 5)
    call torch_model_get_buffer(model, 'norm.running_mean', mean)
    call torch_tensor_copy_to(mean, values)
    call show('mean', values)
    call show_weights('weights', model)
    call model%train(.false.)
    call show_inference('inference', model)
    call model%train()
    call model%eval()
    write (*, '(a, *(1x, l1))') 'eval', model%is_training()
  end subroutine modes

  subroutine inference()
    !! Whatever changes the weights, inference uses the new ones.
    type(torch_model) :: model, other
    real(real32), allocatable :: flat(:)
    call torch_model_load(model, 'network.pt', requires_grad=.true.)
    call show_inference('before', model)
    call train_steps(model, 3)
    call show_inference('steps', model)
    allocate (flat(torch_model_flat_size(model)), source=0.25_real32)
    call torch_model_unflatten(model, flat)
    call show_inference('unflatten', model)
    call torch_model_load_state(model, 'network.state')
    call show_inference('state', model)
    call model%train()
    call train_steps(model, 1)
    call model%eval()
    call torch_model_load(other, 'network.pt')
    call torch_model_save_state(model, 'trained.state')
    call torch_model_load_state(other, 'trained.state')
    call show_inference('modes', model)
    call show_inference('modes', other)
    call torch_model_to(model, torch_kCPU, dtype=torch_kFloat64)
    call torch_model_to(model, dtype=torch_kFloat32)
    call show_inference('moved', model)
    call train_steps(model, 1)
    call show_inference('moved and trained', model)
  end subroutine inference

  subroutine copy()
    type(torch_model) :: model, twin, name
    real(real32), allocatable :: flat(:)
    call torch_model_load(model, 'network.pt', requires_grad=.true.)
    call show_inference('model', model)
    call torch_model_copy(model, twin)
    name = model
    allocate (flat(torch_model_flat_size(model)), source=0.5_real32)
    call torch_model_unflatten(model, flat)
    call show_inference('twin', twin)
    call show_inference('changed', model)
    call show_inference('name', name)
    call train_steps(twin, 2)
    call show_inference('trained', twin)
    call show_weights('model', model)
    call torch_model_delete(model)
    call torch_model_delete(name)
    call train_steps(twin, 1)
    call show_inference('alone', twin)
  end subroutine copy

  subroutine gradients()
    type(torch_model) :: model
    type(torch_optim) :: optim
    real(real32), allocatable :: flat(:)
    real(real64), allocatable :: wide(:)
    call torch_model_load(model, 'network.pt', requires_grad=.true.)
    allocate (flat(torch_model_flat_size(model)), wide(torch_model_flat_size(model)))
    call torch_model_flatten_gradients(model, flat)
    call show('none', flat)
    call torch_model_set_requires_grad(model, .false., 'encoder.*')
    call backward(model)
    call torch_model_flatten_gradients(model, flat)
    call show('gradients', flat)
    call torch_model_flatten_gradients(model, wide, convert=.true.)
    if (any(wide /= flat)) error stop 'real64 gradients differ'
    flat = 2 * flat
    call torch_model_unflatten_gradients(model, flat)
    call torch_optim_SGD(optim, model, learning_rate=0.1_real64)
    call optim%step()
    call show_weights('stepped', model)
    call torch_model_zero_grad(model)
    call torch_model_flatten_gradients(model, flat)
    call show('zero', flat)
    flat = 1
    call torch_model_unflatten_gradients(model, flat)
    flat = 0
    call torch_model_flatten_gradients(model, flat)
    call show('set', flat)
  end subroutine gradients

  subroutine states()
    type(torch_model) :: model
    call torch_model_load(model, 'network.pt')
    call torch_model_load_state(model, 'python.state')
    call show_weights('weights', model)
    call torch_model_save_state(model, 'fortran.state')
    call torch_model_load_state(model, 'partial.state', strict=.false.)
    call show_weights('partial', model)
    call torch_model_load(model, 'tied.pt')
    call torch_model_load_state(model, 'tied.state', strict=.false.)
    call show_weights('tied', model)
    call torch_model_save_state(model, 'tied_fortran.state')
    call torch_model_load(model, 'wide.pt')
    call torch_model_load_state(model, 'wide.state')
    call torch_model_save_state(model, 'wide_fortran.state')
  end subroutine states

  subroutine sample()
    !! The golden sample after training.
    type(torch_model) :: model
    real(real64) :: difference
    integer :: stat
    character(len=300) :: message
    call torch_model_load(model, 'network.pt', requires_grad=.true.)
    call model%self_test(difference)
    call torch_model_save(model, 'unchanged.pt')
    call model%train()
    call train_steps(model, 3)
    message = ''
    call model%self_test(difference, stat=stat, errmsg=message)
    write (*, '(a, i0, 1x, a)') 'refused ', stat, trim(message)
    call torch_model_save(model, 'trained.pt')
    write (*, '(a, *(1x, l1))') 'still', model%is_training()
    call model%eval()
    call show_inference('model', model)
    call torch_model_load(model, 'trained.pt')
    call model%self_test(difference)
    call show('difference', [real(difference, real32)])
    call show_inference('file', model)
  end subroutine sample

  subroutine double()
    type(torch_model) :: model
    type(torch_tensor) :: count
    real(real64), target :: x(4, 5), y(4, 3)
    real(real32) :: narrow(4, 5)
    call torch_model_load(model, 'network.pt')
    call torch_model_get_buffer(model, 'norm.num_batches_tracked', count)
    call torch_model_to(model, dtype=torch_kFloat64)
    call input(narrow)
    x = narrow
    call model%infer(x, y)
    write (*, '(a, *(1x, es23.16))') 'double', transpose(y)
    write (*, '(a, 1x, i0)') 'counter', count%get_dtype()
    call torch_model_save(model, 'double.pt')
  end subroutine double

  subroutine random()
    type(torch_tensor) :: state, first, second
    real(real32) :: a(3), b(3)
    call torch_manual_seed(11)
    call torch_get_rng_state(state)
    first = torch_rand([3])
    call torch_set_rng_state(state)
    second = torch_rand([3])
    call torch_tensor_copy_to(first, a)
    call torch_tensor_copy_to(second, b)
    call show('first', a)
    call show('second', b)
  end subroutine random

end module parameters_scenarios

program parameters
  use :: ftorch, only: torch_live_handles
  use :: parameters_scenarios, only: run_scenario
  implicit none (type, external)
  character(len=20) :: name
  call get_command_argument(1, name)
  call run_scenario(trim(name))
  write (*, '(a, 1x, i0)') 'live', torch_live_handles()
end program parameters
