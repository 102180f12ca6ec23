program packages
  !! Compiled packages give the numbers of the network they were made from: by kernels, AOTInductor's code and TorchScript, for
  !! arrays of all kinds, from several threads.
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: ftorch
  use :: package_kit, only: expected, files, must, numbers, same
  implicit none (type, external)
  integer :: i
  do i = 1, size(files)
    call arrays(trim(files(i)))
    call tensors(trim(files(i)))
    call overlapping(trim(files(i)))
    call must(torch_live_handles() == 0, 'handles are left')
  end do
  call variants()
  call columns()
  call plain()
  call many_calls()
  call must(torch_live_handles() == 0, 'handles are left')
  write (*, '(a)') 'right'

contains

  subroutine arrays(file)
    character(len=*), intent(in) :: file
    type(torch_model) :: model
    real(real32), target :: x(5, 8), y(3, 8), across(8, 5), back(8, 3), wide(10, 16), spaced(6, 16)
    integer(int64) :: calls, copied
    call torch_model_load(model, file)
    x = numbers(5, 8)
    call model%stats(calls, copied)
    call must(calls == 0 .and. copied == 0, 'the warm-up does not count', file)
    y = 0
    call model%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call same(y, x, 'permuted', file)
    call model%stats(calls, copied)
    call must(calls == 1 .and. copied == 0, 'nothing copied', file)
    y = 0
    call model%infer(x(:, 3), y(:, 3))
    call same(y(:, 3:3), x(:, 3:3), 'one sample', file)
    across = transpose(x)
    back = 0
    call model%infer(across, back)
    call same(transpose(back), x, 'first index is the batch', file)
    call model%stats(calls, copied)
    call must(calls == 3, 'calls', file)
    call must(copied == merge(0, 1, index(file, 'script') + index(file, 'future') + index(file, 'kernel') > 0), &
      'one input copied, but not for operators and kernels, which read any strides', file)
    wide = 0
    wide(1:10:2, 1:16:2) = x
    spaced = -9
    call model%infer(wide(1:10:2, 1:16:2), spaced(1:6:2, 1:16:2), permute_dims=[2, 1], output_permute_dims=[2, 1])
    call same(spaced(1:6:2, 1:16:2), x, 'sections', file)
    call must(all(abs(spaced(2:6:2, :) + 9) <= 0) .and. all(abs(spaced(:, 2:16:2) + 9) <= 0), 'between them', file)
    y = 0
    call model%infer(x(:, 2:2), y(:, 2:2), permute_dims=[2, 1], output_permute_dims=[2, 1])
    call same(y(:, 2:2), x(:, 2:2), 'a batch of one', file)
    call model%infer(wide(1:9:2, 5), y(:, 1))
    call same(y(:, 1:1), wide(1:9:2, 5:5), 'one sample with gaps', file)
  end subroutine arrays

  subroutine tensors(file)
    character(len=*), intent(in) :: file
    type(torch_model) :: model
    type(torch_tensor) :: in(1), out(1)
    real(real32), target :: x(5, 4), y(3, 4)
    real(real32), pointer :: result(:, :)
    call torch_model_load(model, file)
    x = numbers(5, 4)
    y = 0
    call torch_tensor_from_array(in(1), x(:, :), permute_dims=[2, 1])
    call model%forward(in, out)
    call torch_tensor_to_array(out(1), result, permute_dims=[2, 1])
    call same(result, x, 'new tensors', file)
    call torch_tensor_from_array(out(1), y, permute_dims=[2, 1])
    call model%forward(in, out)
    call same(y, x, 'wrapped tensors', file)
    call torch_tensor_from_array(in(1), x(:, 1:1), permute_dims=[2, 1])
    call torch_tensor_from_array(out(1), y(:, 1:1), permute_dims=[2, 1])
    y = 0
    call model%forward(in, out)
    call same(y(:, 1:1), x(:, 1:1), 'wrapped tensors of one sample', file)
    call model%forward(in, out, output_names=['rate'])
    call same(y(:, 1:1), x(:, 1:1), 'named', file)
  end subroutine tensors

  subroutine overlapping(file)
    !! Output in the memory of the input.
    character(len=*), intent(in) :: file
    type(torch_model) :: model
    real(real32), target :: memory(40), x(5, 4)
    real(real32), pointer :: in(:, :), out(:, :)
    call torch_model_load(model, file)
    x = numbers(5, 4)
    memory(:20) = reshape(x, [20])
    in(1:5, 1:4) => memory(:20)
    out(1:3, 1:4) => memory(3:14)
    call model%infer(in, out, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call same(out, x, 'overlapping', file)
    memory(:5) = x(:, 1)
    call model%infer(memory(:5), memory(3:5))
    call same(out(:, 1:1), x(:, 1:1), 'overlapping sample', file)
  end subroutine overlapping

  subroutine variants()
    !! By the size of the call.
    type(torch_model) :: model
    real(real32), target :: x(5, 4), y(3, 4)
    character(len=:), allocatable :: name
    integer(int64) :: calls
    call torch_model_load(model, 'linear.pt2')
    call model%stats(calls, variant=name)
    call must(calls == 0 .and. name == '', 'before the first call')
    x = numbers(5, 4)
    call model%infer(x(:, 1), y(:, 1))
    call model%stats(variant=name)
    call must(name == 'b1', 'one sample by the kernel')
    call model%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call model%stats(calls, variant=name)
    call must(name == 'model' .and. calls == 2, 'several by AOTInductor')
    call torch_model_load(model, 'linear.pt')
    call model%infer(x(:, 1), y(:, 1))
    call model%stats(calls, variant=name)
    call must(name == 'torchscript' .and. calls == 1, 'a TorchScript file')
  end subroutine variants

  subroutine columns()
    !! Compiled for arrays whose first index runs fastest: given as they are, nothing is copied.
    type(torch_model) :: model
    type(torch_tensor) :: in(2), out(2)
    real(real64), target :: a(4, 3), b(4, 3), total(4, 3), difference(4, 3), other(3, 4)
    integer(int64) :: copied
    integer :: n
    a = reshape([(real(n, real64), n=1, 12)], [4, 3])
    b = 100 * a
    call torch_model_load(model, 'columns.pt2')
    call torch_tensor_from_array(in(1), a)
    call torch_tensor_from_array(in(2), b)
    call torch_tensor_from_array(out(1), total)
    call torch_tensor_from_array(out(2), difference)
    call model%forward(in, out)
    call model%stats(input_copies=copied)
    call must(copied == 0, 'columns are not copied')
    call right_columns(a, b, total, difference)
    other = transpose(a)
    call torch_tensor_from_array(in(1), other, permute_dims=[2, 1])
    total = 0
    difference = 0
    call model%forward(in, out)
    call right_columns(a, b, total, difference)
    call model%stats(input_copies=copied)
    call must(copied == 1, 'rows are')
    call must(torch_model_count_buffers(model) == 2 .and. torch_model_count_parameters(model) == 1, 'weights of columns')
  end subroutine columns

  subroutine right_columns(a, b, total, difference)
    real(real64), intent(in) :: a(:, :), b(:, :), total(:, :), difference(:, :)
    integer :: j
    do j = 1, 3
      call must(all(abs(total(:, j) - (a(:, j) * 2**(j - 1) + b(:, j))) <= 0), 'sum of columns')
      call must(all(abs(difference(:, j) - (a(:, j) - b(:, j) + j - 1)) <= 0), 'difference of columns')
    end do
  end subroutine right_columns

  subroutine plain()
    !! A package that PyTorch made by itself.
    type(torch_model) :: model, copy
    real(real32), target :: x(5, 4), y(3, 4)
    character(len=:), allocatable :: names(:)
    x = numbers(5, 4)
    call torch_model_load(model, 'plain.pt2', trust=.true.)
    call model%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call same(y, x, 'plain', 'plain.pt2')
    call torch_model_parameter_names(model, names)
    call must(size(names) == 2, 'names of a plain package')
    call torch_model_copy(model, copy)
    call torch_model_set_parameter(model, 'layer.bias', [1.0, 1.0, 1.0])
    call copy%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call same(y, x, 'copy of plain', 'plain.pt2')
    call model%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call same(y, x, 'plain with other weights', 'plain.pt2', [1.0, 1.0, 1.0])
  end subroutine plain

  subroutine many_calls()
    !! Host threads on one model at once, on all kinds of code; each sees its own numbers.
    type(torch_model) :: model
    integer :: f, wrong, thread
    integer(int64) :: calls
    do f = 1, size(files)
      call torch_model_load(model, files(f))
      wrong = 0
      !$omp parallel do num_threads(4) reduction(+:wrong)
      do thread = 1, 40
        call some_calls(model, thread, wrong)
      end do
      call must(wrong == 0, 'wrong numbers in parallel', trim(files(f)))
      call model%stats(calls)
      call must(calls == 40 * 50 * 2, 'calls of all threads', trim(files(f)))
    end do
  end subroutine many_calls

  subroutine some_calls(model, seed, wrong)
    type(torch_model), intent(in) :: model
    integer, intent(in) :: seed
    integer, intent(inout) :: wrong
    real(real32), target :: x(5, 4), y(3, 4)
    integer :: n, k
    do n = 1, 50
      x = numbers(5, 4) + real(seed, real32)
      y = 0
      call model%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
      do k = 1, 4
        if (any(abs(y(:, k) - expected(x(:, k))) > 0)) wrong = wrong + 1
      end do
      call model%infer(x(:, 1), y(:, 2))
      if (any(abs(y(:, 2) - expected(x(:, 1))) > 0)) wrong = wrong + 1
    end do
  end subroutine some_calls

end program packages
