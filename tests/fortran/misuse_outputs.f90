module misuse_outputs_scenarios
  !! What a model gives back: outputs of every form, into tensors and arrays of every kind, and its own file.
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: ftorch
  use :: misuse_kit, only: expect, scenario
  implicit none (type, external)
  private
  public :: output_scenarios

contains

  function output_scenarios() result(table)
    type(scenario), allocatable :: table(:)
    table = [scenario('same_output', same_output), scenario('same_output_address', same_output_address), &
      scenario('output_sections', output_sections), scenario('nested_outputs', nested_outputs), &
      scenario('list_outputs', list_outputs), scenario('forward_converts', forward_converts), &
      scenario('dtype_kept', dtype_kept), scenario('save_no_name', save_no_name), &
      scenario('save_long_name', save_long_name), scenario('save_unusual_names', save_unusual_names)]
  end function output_scenarios

  subroutine same_output(stat, errmsg)
    !! A copy of bits, as in arrays that are filled in a loop: both names are of one tensor.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    type(torch_tensor) :: x(2), y(2)
    real(real32), target :: a(2, 3)
    a = 1
    call torch_model_load(model, 'pair.pt')
    call torch_tensor_from_array(x(1), a)
    call torch_tensor_from_array(x(2), a)
    call torch_tensor_zeros(y(1), 2, [2_int64, 3_int64], torch_kFloat32, torch_kCPU)
    y(2)%p = y(1)%p
    call torch_model_forward(model, x, y, stat=stat, errmsg=errmsg)
  end subroutine same_output

  subroutine same_output_address(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: b(2, 6)
    b = -1
    call into(b, b(:, 1:3), b(:, 1:3), stat, errmsg)
    call expect(all(abs(b + 1) <= 0), 'nothing was written')
  end subroutine same_output_address

  subroutine output_sections(stat, errmsg)
    !! Sections that lie between each other have no element in common.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: b(2, 6)
    call into(b, b(:, 1:5:2), b(:, 2:6:2), stat, errmsg)
    call expect(all(abs(b(:, 1:5:2) - 2) <= 0) .and. all(abs(b(:, 2:6:2) + 1) <= 0), 'each result in its section')
  end subroutine output_sections

  subroutine into(all_of_it, first, second, stat, errmsg)
    real(real32), intent(inout) :: all_of_it(:, :)
    real(real32), target, intent(inout) :: first(:, :), second(:, :)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    type(torch_tensor) :: x(2), y(2)
    real(real32), target :: a(2, 3)
    a = 1
    call torch_model_load(model, 'pair.pt')
    call torch_tensor_from_array(x(1), a)
    call torch_tensor_from_array(x(2), a)
    call torch_tensor_from_array(y(1), first)
    call torch_tensor_from_array(y(2), second)
    call torch_model_forward(model, x, y, stat=stat, errmsg=errmsg)
    call expect(size(all_of_it) == 12, 'the array that both lie in')
  end subroutine into

  subroutine multiples(file, factors, stat, errmsg)
    !! A model that returns its input times some numbers.
    character(len=*), intent(in) :: file
    integer, intent(in) :: factors(:)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    type(torch_tensor) :: x(1), y(size(factors))
    real(real32), target :: a(3), b(3, size(factors))
    integer :: i
    a = [1, 2, 3]
    call torch_model_load(model, file)
    call torch_tensor_from_array(x(1), a)
    do i = 1, size(factors) - 1
      call torch_tensor_from_array(y(i), b(:, i))
    end do
    call torch_model_forward(model, x, y, stat=stat, errmsg=errmsg)
    call torch_tensor_copy_to(y(size(factors)), b(:, size(factors)))  ! this one was handed over
    do i = 1, size(factors)
      call expect(all(abs(b(:, i) - factors(i) * a) <= 0), 'each output in its place')
    end do
  end subroutine multiples

  subroutine nested_outputs(stat, errmsg)
    !! A tuple of a tensor, a list and a dictionary, the dictionary in the order of its keys.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call multiples('nested.pt', [1, 2, 3, 5, 4], stat, errmsg)
  end subroutine nested_outputs

  subroutine list_outputs(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call multiples('list.pt', [2, 3], stat, errmsg)
  end subroutine list_outputs

  subroutine forward_converts(stat, errmsg)
    !! Tensors of real64 and a network of float32: converted on the way in and on the way out.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    type(torch_tensor) :: x(1), y(1)
    real(real64), target :: a(2, 5), b(2, 3)
    a = reshape([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [2, 5])
    b = 0
    call torch_model_load(model, 'linear.pt')
    call torch_tensor_from_array(x(1), a)
    call torch_tensor_from_array(y(1), b)
    call torch_model_forward(model, x, y, convert=.true., stat=stat, errmsg=errmsg)
    call expect(all(abs(b - reshape([95, 110, 191, 221, 287, 332], [2, 3])) <= 0), 'exact numbers')
  end subroutine forward_converts

  subroutine dtype_kept(stat, errmsg)
    !! This network returns float32 whatever its weights are: after torch_model_to its contract says so, also in its file.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    real(real64), target :: x(2, 5)
    real(real32), target :: y(2, 3)
    x = 0
    call torch_model_load(model, 'narrow.pt')
    call torch_model_to(model, dtype=torch_kFloat64)
    call model%infer(x, y)
    call torch_model_save(model, 'narrow_saved.pt')
    call torch_model_load(model, 'narrow_saved.pt', stat=stat, errmsg=errmsg)
    call model%infer(x, y)
    call expect(all(abs(y(1, :) - [0, 1, 2]) <= 0), 'it runs')
  end subroutine dtype_kept

  subroutine save_as(file, stat, errmsg)
    character(len=*), intent(in) :: file
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    call torch_model_load(model, 'linear.pt')
    call torch_model_save(model, file, stat=stat, errmsg=errmsg)
  end subroutine save_as

  subroutine save_no_name(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call save_as('', stat, errmsg)
  end subroutine save_no_name

  subroutine save_long_name(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call save_as(repeat('n', 5000) // '.pt', stat, errmsg)
  end subroutine save_long_name

  subroutine save_unusual_names(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    character(len=*), parameter :: beyond_ascii = "modèle d'été/モデル sauvé.pt"
    type(torch_model) :: model
    call save_as(beyond_ascii, stat, errmsg)
    call torch_model_load(model, beyond_ascii)
    call save_as(repeat('./', 1500) // 'saved.pt', stat, errmsg)
    call torch_model_load(model, 'saved.pt')
  end subroutine save_unusual_names

end module misuse_outputs_scenarios

program misuse_outputs
  use :: misuse_kit, only: run_scenarios
  use :: misuse_outputs_scenarios, only: output_scenarios
  implicit none (type, external)
  call run_scenarios(output_scenarios())
end program misuse_outputs
