module resident_scenarios
  !! Arrays in the memory of the device, as host_data and use_device_addr show them: infer computes with them where they lie.
  use, intrinsic :: iso_c_binding, only: c_f_pointer, c_int32_t, c_int64_t, c_null_ptr, c_ptr
  use, intrinsic :: iso_fortran_env, only: real32
  use :: fake_runtime
  use :: ftorch
  implicit none (type, external)
  private
  public :: whole, mixed, layouts, several, ordered, elsewhere

  real(real32), parameter :: expected(3) = [15, 31, 47]
    ! Of the network, for an input of ones

contains

  subroutine obtain(block, array, rows, columns, value)
    type(c_ptr), intent(out) :: block
    real(real32), pointer, intent(out) :: array(:, :)
    integer, intent(in) :: rows, columns
    real(real32), intent(in) :: value
    block = allocate_on_device(int(4 * rows * columns, c_int64_t))
    call c_f_pointer(block, array, [rows, columns])
    array = value
  end subroutine obtain

  subroutine whole()
    !! Nothing is copied to the host or from it, and nobody waits.
    type(torch_model) :: model
    type(c_ptr) :: blocks(2)
    real(real32), pointer :: a(:, :), b(:, :)
    call torch_model_load(model, 'linear.pt', dev)
    call obtain(blocks(1), a, 2, 5, 1.0_real32)
    call obtain(blocks(2), b, 2, 3, 0.0_real32)
    call begin_counting()
    call model%infer(a, b)
    call counted(0, 0, 0, 0, 'all on the device')
    call check(all(abs(b) <= 0), 'the device has not got there')
    call torch_synchronize_stream(dev)
    call check(all(abs(b(2, :) - expected) <= 0), 'now it has')
    call torch_delete(model)
    call torch_synchronize(dev)
    call release_memory(blocks(1))
    call release_memory(blocks(2))
  end subroutine whole

  subroutine mixed()
    !! What lies on the host is copied, the other is not.
    type(torch_model) :: model
    type(c_ptr) :: blocks(2)
    real(real32), pointer :: a(:, :), b(:, :)
    real(real32), target :: x(2, 5), y(2, 3)
    call torch_model_load(model, 'linear.pt', dev)
    call obtain(blocks(1), a, 2, 5, 1.0_real32)
    call obtain(blocks(2), b, 2, 3, 0.0_real32)
    call begin_counting()
    call model%infer(a, y)
    call counted(0, 1, 1, 1, 'the result comes to the host')
    call check(all(abs(y(1, :) - expected) <= 0), 'and is right')
    x = 1
    call begin_counting()
    call model%infer(x, b)
    call counted(1, 0, 1, 1, 'the input comes from the host')
    x = 2  ! it has been read
    call torch_synchronize(dev)
    call check(all(abs(b(1, :) - expected) <= 0), 'and the result is right')
    call torch_delete(model)
    call release_memory(blocks(1))
    call release_memory(blocks(2))
  end subroutine mixed

  subroutine layouts()
    !! Sections, another order of dimensions, one sample, another kind.
    type(torch_model) :: model
    type(c_ptr) :: blocks(3)
    real(real32), pointer :: a(:, :), b(:, :), wide(:, :)
    integer :: i
    call torch_model_load(model, 'linear.pt', dev)
    call obtain(blocks(1), a, 5, 4, 0.0_real32)
    call obtain(blocks(2), b, 3, 4, 0.0_real32)
    call obtain(blocks(3), wide, 4, 5, 7.0_real32)
    do i = 1, 4
      a(:, i) = real(i, real32)
    end do
    call begin_counting()
    call model%infer(a, b, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call model%infer(wide(::2, :), b(:, 3:), output_permute_dims=[2, 1])
    call counted(0, 0, 0, 0, 'sections on the device')
    call torch_synchronize(dev)
    do i = 1, 2
      call check(all(abs(b(:, i) - [15 * i, 30 * i + 1, 45 * i + 2]) <= 0), 'other order')
    end do
    call check(all(abs(b(:, 4) - [105, 211, 317]) <= 0), 'section')
    call torch_delete(model)
    do i = 1, 3
      call release_memory(blocks(i))
    end do
  end subroutine layouts

  subroutine several()
    !! Several inputs and outputs, each where it lies; a result that is an input itself.
    type(torch_model) :: model
    type(c_ptr) :: blocks(3)
    real(real32), pointer :: a(:, :), sum(:, :), copy(:, :)
    real(real32), target :: b(2, 3)
    integer :: i
    call torch_model_load(model, 'pair.pt', dev)
    call obtain(blocks(1), a, 2, 3, 1.0_real32)
    call obtain(blocks(2), sum, 2, 3, 0.0_real32)
    call obtain(blocks(3), copy, 2, 3, 0.0_real32)
    b = 2
    call begin_counting()
    call torch_model_infer_arrays(model, [torch_array(a), torch_array(b)], [torch_array(sum), torch_array(copy)])
    call counted(1, 0, 1, 1, 'one of four is on the host')
    call torch_synchronize(dev)
    call check(all(abs(sum - 3) <= 0) .and. all(abs(copy - 1) <= 0), 'both results')
    call torch_delete(model)
    do i = 1, 3
      call release_memory(blocks(i))
    end do
  end subroutine several

  subroutine ordered()
    !! A kernel of the program, the network, a kernel of the program: on one stream, and one wait in the end.
    type(torch_model) :: model
    type(c_ptr) :: blocks(2), stream
    real(real32), pointer :: a(:, :), b(:, :)
    call torch_model_load(model, 'linear.pt', dev)
    call obtain(blocks(1), a, 2, 5, 0.0_real32)
    call obtain(blocks(2), b, 2, 3, 0.0_real32)
    stream = stream_create()
    call torch_set_stream(stream, dev)
    call begin_counting()
    call add_on_stream(stream, blocks(1), 10_c_int64_t, 1.0_real32)
    call model%infer(a, b)
    call add_on_stream(stream, blocks(2), 6_c_int64_t, 100.0_real32)
    call counted(0, 0, 0, 0, 'nobody waits')
    call stream_synchronize(stream)
    call check(all(abs(b(1, :) - expected - 100) <= 0), 'one after the other')
    call torch_set_stream(c_null_ptr, dev)
    call torch_delete(model)
    call torch_synchronize(dev)
    call release_memory(blocks(1))
    call release_memory(blocks(2))
  end subroutine ordered

  subroutine elsewhere()
    !! Memory of another device than the model's is refused, and nothing is written.
    type(torch_model) :: model
    type(c_ptr) :: blocks(2)
    real(real32), pointer :: a(:, :), b(:, :)
    integer :: stat
    character(len=200) :: errmsg
    call torch_model_load(model, 'linear.pt', dev, device_index=0)
    call obtain(blocks(1), a, 2, 5, 1.0_real32)
    call set_device(1_c_int32_t)
    call obtain(blocks(2), b, 2, 3, 5.0_real32)
    call set_device(0_c_int32_t)
    call model%infer(a, b, stat=stat, errmsg=errmsg)
    call refused(stat, torch_error_device, errmsg, 'argument ''y'' lies on privateuseone:1, the model is on privateuseone:0')
    call torch_synchronize(dev)
    call check(all(abs(b - 5) <= 0), 'nothing is written')
    call torch_delete(model)
    call release_memory(blocks(1))
    call release_memory(blocks(2))
  end subroutine elsewhere

end module resident_scenarios

program resident
  use :: fake_runtime, only: finish
  use :: resident_scenarios
  implicit none (type, external)
  character(len=16) :: name
  call get_command_argument(1, name)
  select case (name)
  case ('whole')
    call whole()
  case ('mixed')
    call mixed()
  case ('layouts')
    call layouts()
  case ('several')
    call several()
  case ('ordered')
    call ordered()
  case ('elsewhere')
    call elsewhere()
  case default
    error stop 'no such scenario'
  end select
  call finish()
end program resident
