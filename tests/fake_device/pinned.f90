module pinned_scenarios
  !! Pinned memory: tensors of it, and the buffers through which arrays go to a model on a device and back.
  use, intrinsic :: iso_c_binding, only: c_f_pointer, c_int64_t, c_ptr
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: omp_lib, only: omp_get_thread_num
  use :: fake_runtime
  use :: ftorch
  implicit none (type, external)
  private
  public :: tensors, calls, layouts, refusals, own_memory, several, blocks, threads

contains

  subroutine tensors()
    type(torch_tensor) :: t, p, there, nothing
    real(real32), target :: a(2, 3)
    real(real32), pointer :: shown(:, :)
    character(len=300) :: message
    integer :: status, i
    a = reshape([(real(i), i=1, 6)], [2, 3])
    call torch_tensor_from_array(t, a)
    call check(.not. t%is_pinned(), 'an array of the program')
    call torch_tensor_pin(t, p)
    call check(p%is_pinned() .and. torch_tensor_is_pinned(p), 'a copy that is pinned')
    call torch_tensor_to_array(p, shown)
    call check(all(abs(shown - a) <= 0), 'with the same values, which can be shown')
    a = 0
    call check(abs(shown(2, 3) - 6) <= 0, 'of its own')
    call torch_tensor_from_array(there, a, device_type=dev)
    call check(.not. there%is_pinned(), 'memory of a device')
    call torch_tensor_pin(there, p, stat=status, errmsg=message)
    call refused(status, torch_error_device, message, &
      "argument 'source': expected a tensor on the cpu, whose memory can be pinned, got one on privateuseone:0")
    call check(p%is_pinned(), 'a refused call changes nothing')
    call torch_tensor_pin(nothing, p, stat=status, errmsg=message)
    call check(status /= torch_success, 'no tensor')
  end subroutine tensors

  subroutine calls()
    !! The first call makes the buffers, the others use them; a larger batch makes them larger, once.
    type(torch_model) :: model
    real(real32), target :: a(2, 5), b(2, 3), large(7, 5), large_result(7, 3)
    integer :: i
    call torch_model_load(model, 'linear.pt', dev)
    a = 1
    call begin_counting()
    call model%infer(a, b)
    call counted(1, 1, 1, 2, 'the first call')
    call check(all(abs(b(1, :) - [15, 31, 47]) <= 0), 'its numbers')
    do i = 2, 4
      a = real(i)
      call begin_counting()
      call model%infer(a, b)
      call counted(1, 1, 1, 0, 'the next call')
      call check(all(abs(b(2, :) - [15, 30, 45] * i - [0, 1, 2]) <= 0), 'the next numbers')
    end do
    large = 1
    call begin_counting()
    call model%infer(large, large_result)
    call counted(1, 1, 1, 2, 'a larger batch')
    call check(all(abs(large_result(7, :) - [15, 31, 47]) <= 0), 'the numbers of a larger batch')
    call check(pinned_blocks() == 2, 'the smaller ones are gone')
    call begin_counting()
    call model%infer(a, b)
    call counted(1, 1, 1, 0, 'the smaller one again')
    call check(all(abs(b(2, :) - [60, 121, 182]) <= 0), 'its numbers again')
    call torch_delete(model)
    call check(pinned_blocks() == 0, 'they end with the model')
  end subroutine calls

  subroutine layouts()
    !! Sections, other orders, another kind of numbers.
    type(torch_model) :: model
    real(real32), target :: a(5, 4), b(3, 4), every(4, 5), part(2, 3)
    real(real64), target :: wide(2, 5), wide_result(2, 3)
    integer :: i
    call torch_model_load(model, 'linear.pt', dev, device_index=1)
    do i = 1, 4
      a(:, i) = real(i)
    end do
    b = 0
    call begin_counting()
    call model%infer(a, b, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call counted(1, 1, 1, 2, 'columns')
    call check(all([(all(abs(b(:, i) - [15, 30, 45] * i - [0, 1, 2]) <= 0), i=1, 4)]), 'columns')
    every = transpose(a)
    call model%infer(every(2::2, :), part)
    call check(all(abs(part(1, :) - b(:, 2)) <= 0) .and. all(abs(part(2, :) - b(:, 4)) <= 0), 'a section')
    wide = 1
    call model%infer(wide, wide_result, convert=.true.)
    call check(all(abs(wide_result(2, :) - [15, 31, 47]) <= 0), 'another kind')
  end subroutine layouts

  subroutine refusals()
    !! A call that fails on its way leaves buffers that the next one can use.
    type(torch_model) :: model
    real(real32), target :: a(2, 5), b(2, 3), wrong(2, 4)
    real(real32), target :: other(2, 6)
    character(len=300) :: message
    integer :: status
    call torch_model_load(model, 'linear.pt', dev)
    a = 1
    call model%infer(a, b)
    other = 8
    call begin_counting()
    call model%infer(other, b, stat=status, errmsg=message)
    call refused(status, torch_error_argument, message, 'got float32 [2, 6]')
    call counted(1, 0, 1, 1, 'a refused call waits for what it has sent')
    wrong = -1
    call model%infer(a, wrong, stat=status, errmsg=message)
    call check(status == torch_error_argument .and. all(abs(wrong + 1) <= 0), 'nothing is written')
    call begin_counting()
    a = 2
    call model%infer(a, b)
    call counted(1, 1, 1, 0, 'after the refusals')
    call check(all(abs(b(2, :) - [30, 61, 92]) <= 0), 'right numbers')
  end subroutine refusals

  subroutine own_memory()
    !! An array that is pinned already is read where it lies.
    type(torch_model) :: model
    type(c_ptr) :: block
    real(real32), pointer :: a(:, :)
    real(real32), target :: b(2, 3)
    call torch_model_load(model, 'linear.pt', dev)
    block = allocate_pinned(40_c_int64_t)
    call c_f_pointer(block, a, [2, 5])
    a = 1
    call begin_counting()
    call model%infer(a, b)
    call counted(1, 1, 1, 1, 'one buffer for the result')
    call check(all(abs(b(1, :) - [15, 31, 47]) <= 0), 'right numbers')
    call release_memory(block)
  end subroutine own_memory

  subroutine several()
    !! Two inputs, two outputs, one of them the input itself and one a constant of the host.
    type(torch_model) :: model
    real(real32), target :: a(2, 3), b(2, 3), total(2, 3), same(2, 3)
    integer :: i
    call torch_model_load(model, 'pair.pt', dev)
    do i = 1, 3
      a = real(i)
      b = 10
      call begin_counting()
      call torch_model_infer_arrays(model, [torch_array(a), torch_array(b)], [torch_array(total), torch_array(same)])
      call counted(2, 2, 1, merge(4, 0, i == 1), 'two inputs and two outputs')
      call check(all(abs(total - 10 - i) <= 0) .and. all(abs(same - i) <= 0), 'right numbers')
    end do
  end subroutine several

  subroutine blocks()
    !! All blocks of a collector cross together.
    type(torch_model) :: model
    type(torch_collector) :: collector
    real(real32), target :: a(5, 3, 4), b(3, 3, 4)
    integer :: step, i, m
    call torch_model_load(model, 'linear.pt', dev)
    call torch_collector_create(collector, 4)
    do step = 1, 3
      do i = 1, 4
        m = merge(2, 3, i == 2)
        a(:, :, i) = real(i + step)
        call collector%set(i, a(:, :m, i), b(:, :m, i), permute_dims=[2, 1], output_permute_dims=[2, 1])
      end do
      b = -1
      call begin_counting()
      call collector%run(model)
      call counted(1, 1, 1, merge(2, 0, step == 1), 'four blocks')
      do i = 1, 4
        m = merge(2, 3, i == 2)
        call check(all(abs(b(:, m, i) - [15, 30, 45] * (i + step) - [0, 1, 2]) <= 0), 'right numbers')
      end do
      call check(all(abs(b(:, 3, 2) + 1) <= 0), 'nothing beside a block')
    end do
  end subroutine blocks

  subroutine threads()
    !! Each thread that calls at the same time has buffers of its own, and no more are made than threads.
    type(torch_model) :: model
    integer :: wrong
    call torch_model_load(model, 'linear.pt', dev)
    wrong = 0
    call begin_counting()
    !$omp parallel num_threads(3) reduction(+:wrong)
    call many_calls(model, omp_get_thread_num(), wrong)
    !$omp end parallel
    call check(wrong == 0, 'right numbers on all threads')
    call check(pinned_made() - made_before >= 2 .and. pinned_made() - made_before <= 6, 'two buffers for each thread at most')
  end subroutine threads

  subroutine many_calls(model, thread, wrong)
    type(torch_model), intent(in) :: model
    integer, intent(in) :: thread
    integer, intent(inout) :: wrong
    real(real32), target :: a(2, 5), b(2, 3)
    integer :: i
    do i = 1, 50
      a = real(100 * thread + i)
      call model%infer(a, b)
      if (any(abs(b(2, :) - [15, 30, 45] * a(1, 1) - [0, 1, 2]) > 0)) wrong = wrong + 1
    end do
  end subroutine many_calls

end module pinned_scenarios

program pinned
  use :: fake_runtime, only: finish
  use :: pinned_scenarios
  implicit none (type, external)
  character(len=16) :: name
  call get_command_argument(1, name)
  select case (name)
  case ('tensors')
    call tensors()
  case ('calls')
    call calls()
  case ('layouts')
    call layouts()
  case ('refusals')
    call refusals()
  case ('own_memory')
    call own_memory()
  case ('several')
    call several()
  case ('blocks')
    call blocks()
  case ('threads')
    call threads()
  case default
    error stop 'no such scenario'
  end select
  call finish()
end program pinned
