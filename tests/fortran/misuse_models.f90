module misuse_models_scenarios
  !! Models called with what they do not take.
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: ftorch
  use :: misuse_kit, only: expect, scenario, succeed
  implicit none (type, external)
  private
  public :: model_scenarios

  type :: point
    real(real32) :: x, y
  end type point

contains

  function model_scenarios() result(table)
    type(scenario), allocatable :: table(:)
    table = [scenario('input_shape', input_shape), scenario('input_transposed', input_transposed), &
      scenario('input_rank', input_rank), scenario('input_dtype', input_dtype), scenario('input_batch_zero', input_batch_zero), &
      scenario('output_shape', output_shape), scenario('output_rank', output_rank), scenario('plain_shape', plain_shape), &
      scenario('plain_dtype', plain_dtype), scenario('plain_output', plain_output), &
      scenario('plain_output_dtype', plain_output_dtype), scenario('returns_text', returns_text), &
      scenario('inputs_few', inputs_few), scenario('inputs_none', inputs_none), scenario('inputs_many', inputs_many), &
      scenario('outputs_few', outputs_few), scenario('outputs_many', outputs_many), scenario('symbol_differs', symbol_differs), &
      scenario('raises', raises), scenario('outputs_by_name', outputs_by_name), scenario('output_unknown', output_unknown), &
      scenario('names_count', names_count), scenario('parameters_count', parameters_count), scenario('no_sample', no_sample), &
      scenario('absent_device', absent_device), scenario('save_nowhere', save_nowhere), &
      scenario('save_over_folder', save_over_folder), scenario('not_loaded', not_loaded), &
      scenario('input_not_set', input_not_set)]
  end function model_scenarios

  subroutine forward(file, input_shape, output_shape, dtype, stat, errmsg)
    !! Runs a model of one input and one output on zeros.
    character(len=*), intent(in) :: file
    integer, intent(in) :: input_shape(:), output_shape(:), dtype
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    type(torch_tensor) :: x(1), y(1)
    call torch_model_load(model, file)
    call torch_tensor_zeros(x(1), size(input_shape), int(input_shape, int64), dtype, torch_kCPU)
    call torch_tensor_zeros(y(1), size(output_shape), int(output_shape, int64), torch_kFloat32, torch_kCPU)
    call torch_model_forward(model, x, y, stat=stat, errmsg=errmsg)
  end subroutine forward

  subroutine input_shape(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call forward('linear.pt', [2, 6], [2, 3], torch_kFloat32, stat, errmsg)
  end subroutine input_shape

  subroutine input_transposed(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call forward('linear.pt', [5, 2], [2, 3], torch_kFloat32, stat, errmsg)
  end subroutine input_transposed

  subroutine input_rank(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call forward('linear.pt', [5], [3], torch_kFloat32, stat, errmsg)
  end subroutine input_rank

  subroutine input_dtype(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call forward('linear.pt', [2, 5], [2, 3], torch_kFloat64, stat, errmsg)
  end subroutine input_dtype

  subroutine input_batch_zero(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call forward('linear.pt', [0, 5], [0, 3], torch_kFloat32, stat, errmsg)
  end subroutine input_batch_zero

  subroutine output_shape(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call forward('linear.pt', [2, 5], [3, 2], torch_kFloat32, stat, errmsg)
  end subroutine output_shape

  subroutine output_rank(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call forward('linear.pt', [2, 5], [6], torch_kFloat32, stat, errmsg)
  end subroutine output_rank

  subroutine plain_shape(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call forward('linear_plain.pt', [2, 6], [2, 3], torch_kFloat32, stat, errmsg)
  end subroutine plain_shape

  subroutine plain_dtype(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call forward('linear_plain.pt', [2, 5], [2, 3], torch_kFloat64, stat, errmsg)
  end subroutine plain_dtype

  subroutine plain_output(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call forward('linear_plain.pt', [2, 5], [2, 4], torch_kFloat32, stat, errmsg)
  end subroutine plain_output

  subroutine plain_output_dtype(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call forward('linear64.pt', [2, 5], [2, 3], torch_kFloat64, stat, errmsg)
  end subroutine plain_output_dtype

  subroutine returns_text(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call forward('text.pt', [2], [2], torch_kFloat32, stat, errmsg)
  end subroutine returns_text

  subroutine counts(file, n_inputs, n_outputs, stat, errmsg)
    character(len=*), intent(in) :: file
    integer, intent(in) :: n_inputs, n_outputs
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    type(torch_tensor) :: x(n_inputs), y(n_outputs)
    integer :: i
    call torch_model_load(model, file)
    do i = 1, n_inputs
      call torch_tensor_ones(x(i), 2, [2_int64, 3_int64], torch_kFloat32, torch_kCPU)
    end do
    call torch_model_forward(model, x, y, stat=stat, errmsg=errmsg)
  end subroutine counts

  subroutine inputs_few(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call counts('pair.pt', 1, 2, stat, errmsg)
  end subroutine inputs_few

  subroutine inputs_none(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call counts('pair_plain.pt', 0, 2, stat, errmsg)
  end subroutine inputs_none

  subroutine inputs_many(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call counts('pair_plain.pt', 3, 2, stat, errmsg)
  end subroutine inputs_many

  subroutine outputs_few(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call counts('pair.pt', 2, 1, stat, errmsg)
  end subroutine outputs_few

  subroutine outputs_many(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call counts('pair_plain.pt', 2, 3, stat, errmsg)
  end subroutine outputs_many

  subroutine symbol_differs(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    type(torch_tensor) :: x(2), y(2)
    call torch_model_load(model, 'pair.pt')
    call torch_tensor_ones(x(1), 2, [2_int64, 3_int64], torch_kFloat32, torch_kCPU)
    call torch_tensor_ones(x(2), 2, [4_int64, 3_int64], torch_kFloat32, torch_kCPU)
    call torch_model_forward(model, x, y, stat=stat, errmsg=errmsg)
  end subroutine symbol_differs

  subroutine raises(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    type(torch_tensor) :: x(1), y(1)
    call torch_model_load(model, 'raises.pt')
    call torch_tensor_full(x(1), -1.0)
    call torch_model_forward(model, x, y, stat=stat, errmsg=errmsg)
  end subroutine raises

  subroutine names(wanted, n_outputs, stat, errmsg)
    character(len=*), intent(in) :: wanted(:)
    integer, intent(in) :: n_outputs
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    type(torch_tensor) :: x(1), y(n_outputs)
    real(real32), target :: a(3), twice(3), negative(3)
    a = [1, 2, 3]
    call torch_model_load(model, 'named.pt')
    call torch_tensor_from_array(x(1), a)
    if (n_outputs == 2) then
      call torch_tensor_from_array(y(1), twice)
      call torch_tensor_from_array(y(2), negative)
    end if
    call torch_model_forward(model, x, y, output_names=wanted, stat=stat, errmsg=errmsg)
    if (n_outputs == 2) call expect(all(abs(twice - 2 * a) <= 0) .and. all(abs(negative + a) <= 0), 'each output in its place')
  end subroutine names

  subroutine outputs_by_name(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call names(['twice   ', 'negative'], 2, stat, errmsg)
  end subroutine outputs_by_name

  subroutine output_unknown(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call names(['thrice'], 1, stat, errmsg)
  end subroutine output_unknown

  subroutine names_count(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call names(['twice'], 3, stat, errmsg)
  end subroutine names_count

  subroutine parameters_count(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    type(torch_tensor) :: weights(3)
    call torch_model_load(model, 'linear.pt')
    call torch_model_parameters(model, weights, stat=stat, errmsg=errmsg)
  end subroutine parameters_count

  subroutine no_sample(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    real(real64) :: difference
    call torch_model_load(model, 'unsampled.pt')
    call torch_model_self_test(model, difference, stat=stat, errmsg=errmsg)
  end subroutine no_sample

  subroutine absent_device(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    call torch_model_load(model, 'linear.pt', torch_kCUDA, stat=stat, errmsg=errmsg)
  end subroutine absent_device

  subroutine save_nowhere(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    call torch_model_load(model, 'linear.pt')
    call torch_model_save(model, 'no/such/folder/model.pt', stat=stat, errmsg=errmsg)
  end subroutine save_nowhere

  subroutine save_over_folder(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    call torch_model_load(model, 'linear.pt')
    call torch_model_save(model, 'directory.pt', stat=stat, errmsg=errmsg)
  end subroutine save_over_folder

  subroutine not_loaded(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    type(torch_tensor) :: x(1), y(1)
    call torch_tensor_full(x(1), 1.0)
    call torch_model_forward(model, x, y, stat=stat, errmsg=errmsg)
  end subroutine not_loaded

  subroutine input_not_set(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    type(torch_tensor) :: x(1), y(1)
    call torch_model_load(model, 'linear.pt')
    call torch_model_forward(model, x, y, stat=stat, errmsg=errmsg)
  end subroutine input_not_set

end module misuse_models_scenarios

program misuse_models
  use :: misuse_kit, only: run_scenarios
  use :: misuse_models_scenarios, only: model_scenarios
  implicit none (type, external)
  call run_scenarios(model_scenarios())
end program misuse_models
