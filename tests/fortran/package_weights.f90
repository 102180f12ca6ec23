program package_weights
  !! The weights of compiled packages are those that are in place at the moment, however they came there.
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: ftorch
  use :: package_kit, only: both_ways, files, must, numbers
  implicit none (type, external)
  integer :: i
  do i = 1, size(files)
    call weights(trim(files(i)))
    call pointers(trim(files(i)))
    call states(trim(files(i)))
    call copies(trim(files(i)))
    call saving(trim(files(i)))
    call must(torch_live_handles() == 0, 'handles are left')
  end do
  call own_weights()
  call tied()
  call must(torch_live_handles() == 0, 'handles are left')
  write (*, '(a)') 'right'

contains

  subroutine weights(file)
    !! What is put in counts from the next call on.
    character(len=*), intent(in) :: file
    type(torch_model) :: model
    type(torch_tensor) :: bias
    character(len=:), allocatable :: names(:)
    real(real32), target :: x(5, 4), y(3, 4), flat(18)
    call torch_model_load(model, file)
    x = numbers(5, 4)
    call torch_model_parameter_names(model, names)
    call must(size(names) == 2 .and. names(1) == 'layer.weight' .and. names(2) == 'layer.bias', 'names', file)
    call must(torch_model_count_buffers(model) == 0 .and. torch_model_flat_size(model) == 18, 'sizes', file)
    call both_ways(model, x, y, 'before', file)
    call torch_model_set_parameter(model, 'layer.bias', [10.0, 20.0, 30.0])
    call both_ways(model, x, y, 'set', file, [10.0, 20.0, 30.0])
    call torch_model_get_parameter(model, 'layer.bias', bias)
    call torch_tensor_fill(bias, 7.0)
    call both_ways(model, x, y, 'filled', file, [7.0, 7.0, 7.0])
    call torch_tensor_zero(bias)
    call both_ways(model, x, y, 'zeroed', file, [0.0, 0.0, 0.0])
    call torch_model_flatten(model, flat)
    flat(16:18) = [1.0, 2.0, 3.0]
    call torch_model_unflatten(model, flat)
    call both_ways(model, x, y, 'unflattened', file, [1.0, 2.0, 3.0])
    call both_ways(model, x, y, 'again', file, [1.0, 2.0, 3.0])
  end subroutine weights

  subroutine pointers(file)
    !! A pointer into a weight writes where nobody sees it.
    character(len=*), intent(in) :: file
    type(torch_model) :: model
    type(torch_tensor) :: bias
    real(real32), pointer :: values(:)
    real(real32), target :: x(5, 4), y(3, 4)
    call torch_model_load(model, file)
    x = numbers(5, 4)
    call torch_model_get_parameter(model, 'layer.bias', bias)
    call torch_tensor_to_array(bias, values)
    values = [5.0, 6.0, 7.0]
    call both_ways(model, x, y, 'pointer', file, [5.0, 6.0, 7.0])
    values(2) = 60
    call both_ways(model, x, y, 'pointer again', file, [5.0, 60.0, 7.0])
  end subroutine pointers

  subroutine states(file)
    character(len=*), intent(in) :: file
    type(torch_model) :: model, other
    real(real32), target :: x(5, 4), y(3, 4)
    call torch_model_load(model, file)
    x = numbers(5, 4)
    call torch_model_set_parameter(model, 'layer.bias', [-1.0, -2.0, -3.0])
    call torch_model_save_state(model, 'packages.state')
    call torch_model_load(other, file)
    call torch_model_load_state(other, 'packages.state')
    call both_ways(other, x, y, 'state', file, [-1.0, -2.0, -3.0])
    call torch_model_load_state(other, 'state_dict.pt')
    call both_ways(other, x, y, "Python's state", file)
    call both_ways(model, x, y, 'the first', file, [-1.0, -2.0, -3.0])
  end subroutine states

  subroutine copies(file)
    !! Assignment shares, a copy has weights of its own.
    character(len=*), intent(in) :: file
    type(torch_model) :: model, shared, copy
    real(real32), target :: x(5, 4), y(3, 4)
    call torch_model_load(model, file)
    x = numbers(5, 4)
    call torch_model_set_parameter(model, 'layer.bias', [1.0, 1.0, 1.0])
    shared = model
    call torch_model_copy(model, copy)
    call both_ways(copy, x, y, 'copied', file, [1.0, 1.0, 1.0])
    call torch_model_set_parameter(model, 'layer.bias', [2.0, 2.0, 2.0])
    call both_ways(copy, x, y, 'copy', file, [1.0, 1.0, 1.0])
    call both_ways(shared, x, y, 'shared', file, [2.0, 2.0, 2.0])
    call torch_delete(model)
    call torch_model_set_parameter(copy, 'layer.bias', [3.0, 3.0, 3.0])
    call both_ways(copy, x, y, 'copy that lives on', file, [3.0, 3.0, 3.0])
    call both_ways(shared, x, y, 'shared still', file, [2.0, 2.0, 2.0])
  end subroutine copies

  subroutine saving(file)
    character(len=*), intent(in) :: file
    type(torch_model) :: model, again
    real(real64) :: difference
    real(real32), target :: x(5, 4), y(3, 4)
    call torch_model_load(model, file)
    x = numbers(5, 4)
    call model%self_test(difference)
    call must(difference <= 0, 'self test', file)
    call model%save('saved_' // file)
    call torch_model_load(again, 'saved_' // file)
    call both_ways(again, x, y, 'saved', file)
    call torch_model_set_parameter(again, 'layer.bias', [4.0, 5.0, 6.0])
    call again%save('saved_' // file)
    call both_ways(again, x, y, 'after saving over itself', file, [4.0, 5.0, 6.0])
    call torch_model_load(again, 'saved_' // file)
    call both_ways(again, x, y, 'saved with new weights', file, [4.0, 5.0, 6.0])
    call again%self_test(difference)
    call must(difference <= 0, 'self test of new weights', file)
    call both_ways(model, x, y, 'the first', file)
    call again%save('saved_' // file)
    call torch_model_load(again, 'saved_' // file)
    call both_ways(again, x, y, 'saved twice', file, [4.0, 5.0, 6.0])
  end subroutine saving

  subroutine own_weights()
    !! Code with weights compiled in steps aside for TorchScript as long as other weights are in place.
    type(torch_model) :: model
    real(real32), target :: x(5, 4), y(3, 4)
    character(len=:), allocatable :: name
    call torch_model_load(model, 'own_fallback.pt2')
    x = numbers(5, 4)
    call both_ways(model, x, y, 'own', 'own_fallback.pt2')
    call model%stats(variant=name)
    call must(name == 'inside', 'compiled')
    call torch_model_set_parameter(model, 'layer.bias', [9.0, 9.0, 9.0])
    call both_ways(model, x, y, 'replaced', 'own_fallback.pt2', [9.0, 9.0, 9.0])
    call model%stats(variant=name)
    call must(name == 'fallback', 'the fallback')
    call model%save('saved_own.pt2')
    call torch_model_set_parameter(model, 'layer.bias', [0.0, 1.0, 2.0])
    call both_ways(model, x, y, 'put back', 'own_fallback.pt2')
    call model%stats(variant=name)
    call must(name == 'inside', 'compiled again')
    call torch_model_load(model, 'saved_own.pt2')
    call both_ways(model, x, y, 'saved', 'saved_own.pt2', [9.0, 9.0, 9.0])
    call model%stats(variant=name)
    call must(name == 'fallback', 'only the fallback is left')
  end subroutine own_weights

  subroutine tied()
    !! One tensor of two names, a buffer that code reads, and one that it does not.
    type(torch_model) :: model
    type(torch_tensor) :: in(2), out(2), twin
    real(real64), target :: a(2, 3), b(2, 3), total(2, 3), difference(2, 3)
    a = 1
    b = 0
    call torch_model_load(model, 'columns.pt2')
    call torch_tensor_from_array(in(1), a)
    call torch_tensor_from_array(in(2), b)
    call torch_tensor_from_array(out(1), total)
    call torch_tensor_from_array(out(2), difference)
    call torch_model_get_parameter(model, 'offset', twin)
    call torch_tensor_zero(twin)
    call torch_model_set_buffer(model, 'scale', reshape([2.0_real64, 2.0_real64, 2.0_real64], [1, 3]))
    call torch_model_set_buffer(model, 'num_batches_tracked', 100_int64)
    call model%forward(in, out)
    call must(all(abs(total - 2) <= 0) .and. all(abs(difference - 1) <= 0), 'replaced')
    call model%save('saved_columns.pt2')
    call torch_model_load(model, 'saved_columns.pt2')
    total = 0
    call model%forward(in, out)
    call must(all(abs(total - 2) <= 0) .and. all(abs(difference - 1) <= 0), 'replaced and saved')
  end subroutine tied

end program package_weights
