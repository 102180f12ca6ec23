module misuse_infer_scenarios
  !! Arrays given straight to a model.
  use, intrinsic :: iso_fortran_env, only: real32, real64
  use :: ftorch
  use :: misuse_kit, only: expect, scenario
  implicit none (type, external)
  private
  public :: infer_scenarios

  type :: point
    real(real32) :: x, y
  end type point

contains

  function infer_scenarios() result(table)
    type(scenario), allocatable :: table(:)
    table = [scenario('x_shape', x_shape), scenario('x_transposed', x_transposed), scenario('x_rank', x_rank), &
      scenario('x_dtype', x_dtype), scenario('x_complex_converted', x_complex_converted), &
      scenario('y_integer_converted', y_integer_converted), scenario('y_dtype', y_dtype), scenario('y_shape', y_shape), &
      scenario('y_rank', y_rank), scenario('sample_into_batch', sample_into_batch), scenario('one_sample', one_sample), &
      scenario('x_character', x_character), scenario('y_character', y_character), scenario('x_derived', x_derived), &
      scenario('y_derived', y_derived), scenario('x_logical', x_logical), scenario('x_unallocated', x_unallocated), &
      scenario('y_unassociated', y_unassociated), scenario('x_assumed_size', x_assumed_size), &
      scenario('x_backwards', x_backwards), scenario('y_backwards', y_backwards), scenario('permute_wrong', permute_wrong), &
      scenario('two_inputs', two_inputs), scenario('two_outputs', two_outputs), scenario('not_loaded', not_loaded), &
      scenario('converts', converts), scenario('x_zero_size', x_zero_size), scenario('y_zero_size', y_zero_size), &
      scenario('zero_size', zero_size), scenario('y_assumed_size', y_assumed_size)]
  end function infer_scenarios

  subroutine x_shape(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: x(2, 6), y(2, 3)
    x = 0
    call infer(x, y, stat, errmsg)
  end subroutine x_shape

  subroutine x_transposed(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: x(5, 2), y(2, 3)
    x = 0
    call infer(x, y, stat, errmsg)
  end subroutine x_transposed

  subroutine x_rank(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: x(1, 2, 5), y(2, 3)
    x = 0
    call infer(x, y, stat, errmsg)
  end subroutine x_rank

  subroutine x_dtype(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real64), target :: x(2, 5), y(2, 3)
    x = 0
    call infer(x, y, stat, errmsg)
  end subroutine x_dtype

  subroutine x_complex_converted(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    complex(real32), target :: x(2, 5)
    real(real32), target :: y(2, 3)
    x = 0
    call torch_model_load(model, 'linear.pt')
    call model%infer(x, y, convert=.true., stat=stat, errmsg=errmsg)
  end subroutine x_complex_converted

  subroutine y_integer_converted(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    real(real32), target :: x(2, 5)
    integer, target :: y(2, 3)
    x = 0
    call torch_model_load(model, 'linear.pt')
    call model%infer(x, y, convert=.true., stat=stat, errmsg=errmsg)
  end subroutine y_integer_converted

  subroutine y_dtype(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: x(2, 5)
    real(real64), target :: y(2, 3)
    x = 0
    call infer(x, y, stat, errmsg)
  end subroutine y_dtype

  subroutine y_shape(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: x(2, 5), y(3, 2)
    x = 0
    y = -1
    call infer(x, y, stat, errmsg)
    call expect(all(abs(y + 1) <= 0), 'nothing was written')
  end subroutine y_shape

  subroutine y_rank(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: x(2, 5), y(6)
    x = 0
    call infer(x, y, stat, errmsg)
  end subroutine y_rank

  subroutine sample_into_batch(stat, errmsg)
    !! One sample without batch dimension gives one sample; nothing else is reshaped.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: x(5), y(1, 3)
    x = 0
    call infer(x, y, stat, errmsg)
  end subroutine sample_into_batch

  subroutine one_sample(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: x(5), y(3)
    x = [1, 0, 0, 0, 1]
    call infer(x, y, stat, errmsg)
    call expect(all(abs(y - [6, 13, 20]) <= 0), 'one sample without its batch dimension')
  end subroutine one_sample

  subroutine x_character(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    character(len=4000), target :: x(2, 5)
    real(real32), target :: y(2, 3)
    x = 'longer than any message'
    call infer(x, y, stat, errmsg)
  end subroutine x_character

  subroutine y_character(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: x(2, 5)
    character(len=4), target :: y(2, 3)
    x = 0
    call infer(x, y, stat, errmsg)
  end subroutine y_character

  subroutine x_derived(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(point), target :: x(2, 5)
    real(real32), target :: y(2, 3)
    x = point(0, 0)
    call infer(x, y, stat, errmsg)
  end subroutine x_derived

  subroutine y_derived(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: x(2, 5)
    type(point), target :: y(2, 3)
    x = 0
    call infer(x, y, stat, errmsg)
  end subroutine y_derived

  subroutine x_logical(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    logical, target :: x(2, 5)
    real(real32), target :: y(2, 3)
    x = .true.
    call infer(x, y, stat, errmsg)
  end subroutine x_logical

  subroutine x_unallocated(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), allocatable, target :: x(:, :), y(:, :)
    call infer(x, y, stat, errmsg)
  end subroutine x_unallocated

  subroutine y_unassociated(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: x(2, 5)
    real(real32), pointer :: y(:, :)
    x = 0
    nullify (y)
    call infer(x, y, stat, errmsg)
  end subroutine y_unassociated

  subroutine x_assumed_size(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: x(2, 5)
    x = 0
    call without_end(x, stat, errmsg)
  end subroutine x_assumed_size

  subroutine without_end(x, stat, errmsg)
    real(real32), target, intent(in) :: x(2, *)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: y(2, 3)
    type(torch_model) :: model
    call torch_model_load(model, 'linear.pt')
    call model%infer(x, y, stat=stat, errmsg=errmsg)
  end subroutine without_end

  subroutine x_backwards(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: x(2, 5), y(2, 3)
    x = 0
    call infer(x(:, 5:1:-1), y, stat, errmsg)
  end subroutine x_backwards

  subroutine y_backwards(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: x(2, 5), y(2, 3)
    x = 0
    call infer(x, y(2:1:-1, :), stat, errmsg)
  end subroutine y_backwards

  subroutine permute_wrong(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: x(2, 5), y(2, 3)
    type(torch_model) :: model
    x = 0
    call torch_model_load(model, 'linear.pt')
    call model%infer(x, y, permute_dims=[2, 1, 3], stat=stat, errmsg=errmsg)
  end subroutine permute_wrong

  subroutine two_inputs(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: x(2, 3), y(2, 3)
    type(torch_model) :: model
    x = 0
    call torch_model_load(model, 'pair.pt')
    call model%infer(x, y, stat=stat, errmsg=errmsg)
  end subroutine two_inputs

  subroutine two_outputs(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: x(2, 3), y(2, 3)
    type(torch_model) :: model
    x = 0
    call torch_model_load(model, 'reversed.pt')
    call model%infer(x, y, stat=stat, errmsg=errmsg)
  end subroutine two_outputs

  subroutine not_loaded(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: x(2, 5), y(2, 3)
    type(torch_model) :: model
    x = 0
    call model%infer(x, y, stat=stat, errmsg=errmsg)
  end subroutine not_loaded

  subroutine converts(stat, errmsg)
    !! Arrays of real64 and a network of float32: converted on the way in and on the way out.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real64), target :: x(2, 5), y(2, 3)
    type(torch_model) :: model
    x = reshape([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [2, 5])
    y = 0
    call torch_model_load(model, 'linear.pt')
    call model%infer(x, y, convert=.true., stat=stat, errmsg=errmsg)
    call expect(all(abs(y - reshape([95, 110, 191, 221, 287, 332], [2, 3])) <= 0), 'exact numbers')
    y = 0
    call model%infer(x(2, :), y(2, :), convert=.true.)
    call expect(all(abs(y(2, :) - [110, 221, 332]) <= 0) .and. all(abs(y(1, :)) <= 0), 'one sample, into a section')
  end subroutine converts

  subroutine x_zero_size(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: x(0, 5), y(0, 3)
    call infer(x, y, stat, errmsg)
  end subroutine x_zero_size

  subroutine y_zero_size(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: x(2, 5), y(2, 0)
    x = 0
    call infer(x, y, stat, errmsg)
  end subroutine y_zero_size

  subroutine zero_size(stat, errmsg)
    !! A part of the domain without a single column: nothing to do, where the contract allows it or there is none.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    real(real32), target :: x(5, 0), y(3, 0)
    real(real32), allocatable, target :: a(:, :), b(:, :)
    call torch_model_load(model, 'linear_plain.pt')
    call model%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call torch_model_load(model, 'zero.pt')
    allocate (a(0, 5), b(0, 3))
    call model%infer(a, b, stat=stat, errmsg=errmsg)
  end subroutine zero_size

  subroutine y_assumed_size(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: y(2, 3)
    y = -1
    call into_without_end(y, stat, errmsg)
    call expect(all(abs(y + 1) <= 0), 'nothing was written')
  end subroutine y_assumed_size

  subroutine into_without_end(y, stat, errmsg)
    real(real32), target, intent(inout) :: y(2, *)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real32), target :: x(2, 5)
    type(torch_model) :: model
    x = 0
    call torch_model_load(model, 'linear.pt')
    call model%infer(x, y, stat=stat, errmsg=errmsg)
  end subroutine into_without_end

  subroutine infer(x, y, stat, errmsg)
    !! Between any two arrays, through the linear model.
    type(*), intent(in), target :: x(..)
    type(*), intent(inout), target :: y(..)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    call torch_model_load(model, 'linear.pt')
    call model%infer(x, y, stat=stat, errmsg=errmsg)
  end subroutine infer

end module misuse_infer_scenarios

program misuse_infer
  use :: misuse_infer_scenarios, only: infer_scenarios
  use :: misuse_kit, only: run_scenarios
  implicit none (type, external)
  call run_scenarios(infer_scenarios())
end program misuse_infer
