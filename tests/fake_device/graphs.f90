module graphs_scenarios
  !! Calls that are recorded and done again as a whole: when, when not, and that the numbers are those of the call.
  use, intrinsic :: iso_c_binding, only: c_f_pointer, c_int64_t, c_null_ptr, c_ptr
  use, intrinsic :: iso_fortran_env, only: int64, real32
  use :: omp_lib, only: omp_get_thread_num
  use :: fake_runtime
  use :: ftorch
  implicit none (type, external)
  private
  public :: of_the_host, resident, shapes, tensors, refusals, weights, requests, threads, elsewhere, second, mistakes

  real(real32), parameter :: expected(3) = [15, 31, 47], bias(3) = [0, 1, 2]
    ! Of the network, for an input of ones, and for one of zeros

contains

  logical function is(y, input)
    !! Whether these are the results for an input that is everywhere the same.
    real(real32), intent(in) :: y(:, :)
    integer, intent(in) :: input
    is = all(abs(y - spread(bias + real(input) * (expected - bias), 1, size(y, 1))) <= 0)
  end function is

  subroutine counts(model, captures, replays, refused_shapes, what)
    type(torch_model), intent(in) :: model
    integer, intent(in) :: captures, replays, refused_shapes
    character(len=*), intent(in) :: what
    integer(int64) :: n(3)
    character(len=80) :: words
    call model%stats(graph_captures=n(1), graph_replays=n(2), graph_refusals=n(3))
    write (words, '(3(a, i0))') ': captures ', n(1), ', replays ', n(2), ', refusals ', n(3)
    call check(all(n == [captures, replays, refused_shapes]), what // trim(words))
  end subroutine counts

  subroutine through(model, n, columns)
    !! Calls between arrays of the host, each with other numbers.
    type(torch_model), intent(in) :: model
    integer, intent(in) :: n, columns
    real(real32), target :: x(columns, 5), y(columns, 3)
    integer :: i
    do i = 1, n
      x = real(i)
      y = -1
      call model%infer(x, y)
      call check(is(y, i), 'the numbers of this call')
    end do
  end subroutine through

  subroutine of_the_host()
    !! Two calls as ever, the third is recorded, the others are one launch each.
    type(torch_model) :: model
    integer(c_int64_t) :: before
    call torch_model_load(model, 'steps.pt', dev)
    call through(model, 5, 4)
    call counts(model, 0, 0, 0, 'nobody has asked')
    call model%use_graphs(.true.)
    call through(model, 2, 4)
    call counts(model, 0, 0, 0, 'warming up')
    call through(model, 1, 4)
    call counts(model, 1, 0, 0, 'recorded')
    before = launches()
    call through(model, 10, 4)
    call counts(model, 1, 10, 0, 'done again')
    call check(launches() == before + 10, 'one launch a call')
    call begin_counting()
    call through(model, 1, 4)
    call counted(1, 1, 1, 0, 'copies and waits as ever')
    call model%use_graphs(.false.)
    before = launches()
    call through(model, 1, 4)
    call counts(model, 1, 11, 0, 'switched off')
    call check(launches() > before + 1, 'operation by operation')
  end subroutine of_the_host

  subroutine obtain(block, array, rows, columns, value)
    type(c_ptr), intent(out) :: block
    real(real32), pointer, intent(out) :: array(:, :)
    integer, intent(in) :: rows, columns
    real(real32), intent(in) :: value
    block = allocate_on_device(int(4 * rows * columns, c_int64_t))
    call c_f_pointer(block, array, [rows, columns])
    array = value
  end subroutine obtain

  subroutine resident()
    !! Arrays on the device, read where they lie: another address is another graph, and the one of before is still there.
    type(torch_model) :: model
    type(c_ptr) :: blocks(3)
    real(real32), pointer :: a(:, :), b(:, :), y(:, :)
    integer :: i
    call torch_model_load(model, 'linear.pt', dev)
    call obtain(blocks(1), a, 2, 5, 1.0_real32)
    call obtain(blocks(2), b, 2, 5, 2.0_real32)
    call obtain(blocks(3), y, 2, 3, 0.0_real32)
    call model%use_graphs(.true.)
    do i = 1, 4
      call model%infer(a, y)
    end do
    call counts(model, 1, 1, 0, 'one address')
    call begin_counting()
    call model%infer(a, y)
    call counted(0, 0, 0, 0, 'nothing is copied, nobody waits')
    call torch_synchronize(dev)
    call check(is(y, 1), 'the numbers that lie there')
    a = 3
    call model%infer(a, y)
    call torch_synchronize(dev)
    call check(is(y, 3), 'and those that lie there now')
    call model%infer(b, y)
    call torch_synchronize(dev)
    call check(is(y, 2), 'other numbers elsewhere')
    call counts(model, 2, 3, 0, 'recorded for the other address')
    call model%infer(a, y)
    call model%infer(b, y)
    call counts(model, 2, 5, 0, 'both are there')
    call torch_synchronize(dev)
    call check(is(y, 2), 'in their order')
    call torch_delete(model)
    do i = 1, 3
      call release_memory(blocks(i))
    end do
  end subroutine resident

  subroutine shapes()
    !! Each shape has a graph of its own; the latest few are kept.
    type(torch_model) :: model
    integer :: columns
    call torch_model_load(model, 'linear.pt', dev)
    call model%use_graphs(.true.)
    do columns = 1, 10
      call through(model, 4, columns)
    end do
    call counts(model, 10, 10, 0, 'ten shapes')
    call through(model, 1, 10)
    call counts(model, 10, 11, 0, 'the latest is there')
    call through(model, 1, 1)
    call counts(model, 11, 11, 0, 'the first has gone, and is recorded again')
  end subroutine shapes

  subroutine tensors()
    !! forward: into tensors that are there, and new ones, which keep their numbers.
    type(torch_model) :: model
    type(torch_tensor) :: x(1), given(1), new(1), first(1)
    real(real32), target :: ones(2, 5)
    real(real32) :: y(2, 3)
    integer :: i
    ones = 1
    call torch_model_load(model, 'linear.pt', dev)
    call model%use_graphs(.true.)
    call torch_tensor_from_array(x(1), ones, device_type=dev)
    call torch_tensor_zeros(given(1), 2, [2_int64, 3_int64], torch_kFloat32, dev)
    do i = 1, 4
      call model%forward(x, given)
    end do
    call model%forward(x, first)
    call counts(model, 1, 2, 0, 'the same graph')
    x(1) = x(1) + x(1)
    call model%forward(x, new)
    call torch_tensor_copy_to(first(1), y)
    call check(is(y, 1), 'the result of before is as it was')
    call torch_tensor_copy_to(new(1), y)
    call check(is(y, 2), 'the new one is new')
    call torch_tensor_copy_to(given(1), y)
    call check(is(y, 1), 'the one that was given')
    call model%forward(x, new, requires_grad=.true.)
    call torch_tensor_copy_to(new(1), y)
    call check(is(y, 2), 'with gradients there is no graph')
  end subroutine tensors

  subroutine refusals()
    !! A network that looks at its numbers cannot be recorded: it runs as ever, and says so.
    type(torch_model) :: model
    real(real32), target :: x(3), y(3)
    character(len=:), allocatable :: reason
    integer :: i
    call torch_model_load(model, 'choosing.pt', dev)
    call model%use_graphs(.true.)
    do i = 1, 6
      x = real(i - 3)
      call model%infer(x, y)
      call check(all(abs(y - merge(2 * x, x - 1, sum(x) > 0)) <= 0), 'what it does with these numbers')
    end do
    call counts(model, 0, 0, 1, 'one shape')
    call model%stats(graph_reason=reason)
    call check(index(reason, 'operation not permitted when stream is capturing') > 0, 'why: ' // reason)
  end subroutine refusals

  subroutine weights()
    !! A graph computes with the weights that are there when it runs.
    type(torch_model) :: model
    real(real32), allocatable :: values(:)
    real(real32), target :: x(4, 5), y(4, 3)
    call torch_model_load(model, 'linear.pt', dev)
    call model%use_graphs(.true.)
    call through(model, 4, 4)
    allocate (values(18))
    call torch_model_flatten(model, values)
    call torch_model_unflatten(model, 2 * values)
    x = 1
    call model%infer(x, y)
    call check(all(abs(y - 2 * spread(expected, 1, 4)) <= 0), 'twice the weights')
    call counts(model, 1, 2, 0, 'in the same graph')
    call torch_model_unflatten(model, values)
    call model%train()
    call through(model, 2, 4)
    call counts(model, 1, 2, 0, 'none in training mode')
    call model%eval()
    call through(model, 4, 4)
    call counts(model, 2, 3, 0, 'recorded again')
  end subroutine weights

  subroutine requests()
    !! Several calls under way share a graph on one stream: each has its own numbers.
    type(torch_model) :: model
    type(torch_request) :: under_way(3)
    real(real32), target, asynchronous :: x(4, 5, 3), y(4, 3, 3)
    integer(int64) :: captures, replays
    integer :: i, round
    call torch_model_load(model, 'linear.pt', dev)
    call model%use_graphs(.true.)
    do round = 1, 4
      do i = 1, 3
        x(:, :, i) = real(i + round)
        call under_way(i)%start(model, x(:, :, i), y(:, :, i))
      end do
      do i = 3, 1, -1
        call under_way(i)%wait()
        call check(is(y(:, :, i), i + round), 'of each call its own')
      end do
    end do
    call model%stats(graph_captures=captures, graph_replays=replays)
    call check(captures + replays == 10 .and. replays > 0, 'by graphs')
  end subroutine requests

  subroutine threads()
    !! Each thread has its graphs.
    type(torch_model) :: model
    type(c_ptr) :: streams(2)
    real(real32), target :: x(4, 5), y(4, 3)
    logical :: right(2)
    integer :: i, me
    call torch_model_load(model, 'linear.pt', dev)
    call model%use_graphs(.true.)
    streams = [stream_create(), stream_create()]
    right = .true.
    !$omp parallel num_threads(2) private(x, y, i, me)
    me = omp_get_thread_num() + 1
    call torch_set_stream(streams(me), dev)
    do i = 1, 20
      x = real(10 * i + me)
      call model%infer(x, y)
      right(me) = right(me) .and. is(y, 10 * i + me)
    end do
    call torch_set_stream(c_null_ptr, dev)
    !$omp end parallel
    call check(all(right), 'each its own numbers')
  end subroutine threads

  subroutine elsewhere()
    !! Inputs that are never where they were are not recorded for ever.
    type(torch_model) :: model
    type(c_ptr) :: blocks(40), place
    real(real32), pointer :: x(:, :), y(:, :)
    integer(int64) :: captures, replays, refused_shapes
    character(len=:), allocatable :: reason
    integer :: i
    call torch_model_load(model, 'linear.pt', dev)
    call model%use_graphs(.true.)
    call obtain(place, y, 2, 3, 0.0_real32)
    do i = 1, size(blocks)
      call obtain(blocks(i), x, 2, 5, real(i, real32))
      call model%infer(x, y)
      call torch_synchronize(dev)
      call check(is(y, i), 'right wherever they are')
    end do
    call model%stats(graph_captures=captures, graph_replays=replays, graph_refusals=refused_shapes, graph_reason=reason)
    call check(captures == 16 .and. replays == 0 .and. refused_shapes == 1, 'it has stopped')
    call check(index(reason, 'the inputs of each call lie elsewhere') == 1, reason)
    call torch_delete(model)
    call release_memory(place)
    do i = 1, size(blocks)
      call release_memory(blocks(i))
    end do
  end subroutine elsewhere

  subroutine second()
    !! A model on the second device, while the first one is the thread's.
    type(torch_model) :: model
    call torch_model_load(model, 'linear.pt', dev, device_index=1)
    call model%use_graphs(.true.)
    call through(model, 6, 4)
    call counts(model, 1, 3, 0, 'of the second device')
  end subroutine second

  subroutine mistakes()
    type(torch_model) :: model
    character(len=300) :: message
    integer :: status
    call model%use_graphs(.true., stat=status, errmsg=message)
    call refused(status, torch_error_handle, message, 'torch_model_use_graphs: model is not initialised')
    call torch_model_load(model, 'linear.pt')
    call model%use_graphs(.true.)
    call through(model, 6, 4)
    call counts(model, 0, 0, 0, 'nothing happens on the CPU')
    call torch_model_load(model, 'drawing.pt', dev, allow_random=.true.)
    call model%use_graphs(.true., stat=status, errmsg=message)
    call refused(status, torch_error_model, message, "'drawing.pt' draws random numbers (aten::rand_like)")
    call torch_model_load(model, 'counting.pt', dev)
    call model%use_graphs(.true., stat=status, errmsg=message)
    call refused(status, torch_error_model, message, "'counting.pt' does more with its attributes than read them")
    call model%use_graphs(.false.)
  end subroutine mistakes

end module graphs_scenarios

program graphs
  use :: fake_runtime, only: finish
  use :: graphs_scenarios
  implicit none (type, external)
  character(len=16) :: name
  call get_command_argument(1, name)
  select case (name)
  case ('of_the_host')
    call of_the_host()
  case ('resident')
    call resident()
  case ('shapes')
    call shapes()
  case ('tensors')
    call tensors()
  case ('refusals')
    call refusals()
  case ('weights')
    call weights()
  case ('requests')
    call requests()
  case ('threads')
    call threads()
  case ('elsewhere')
    call elsewhere()
  case ('second')
    call second()
  case ('mistakes')
    call mistakes()
  case default
    error stop 'no such scenario'
  end select
  call finish()
end program graphs
