module infer_arrays_scenarios
  !! Models of several arrays, without tensors: numbers, kinds, sections, single samples, and what is refused.
  use, intrinsic :: iso_c_binding, only: c_bool
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: ftorch
  implicit none (type, external)
  private
  public :: numbers, mistakes

  integer, parameter :: n = 37

contains

  subroutine numbers(file, is_kernel)
    character(len=*), intent(in) :: file
    logical, intent(in) :: is_kernel
    type(torch_model) :: model
    real(real32), target :: heat(5, n), rain(n), expected(3, n), sums(n)
    real(real64), target :: wide_heat(5, n), wide_rain(2, n), wide_tendency(n, 3), wide_sums(n)
    logical(c_bool), target :: wet(n), flags(n)
    real(real32), target :: one(3), one_sum
    integer(int64) :: copies
    integer :: i
    call torch_model_load(model, file)
    call random_number(heat)
    call random_number(rain)
    wet = [(logical(mod(i, 3) == 0, c_bool), i=1, n)]
    call by_tensors(model, heat, rain, wet, expected, sums, flags)
    wide_heat = heat
    wide_rain = -1
    wide_rain(1, :) = rain
    ! Arrays of the other kind, a section, and results whose first index is the column's.
    call torch_model_infer_arrays(model, [torch_array(wide_heat, permute_dims=[2, 1]), torch_array(wide_rain(1, :)), &
      torch_array(wet)], [torch_array(wide_tendency), torch_array(wide_sums), torch_array(flags)], convert=.true.)
    if (any(abs(wide_tendency - transpose(expected)) > 1e-5)) error stop 'tendency'
    if (any(abs(wide_sums - sums) > 1e-4)) error stop 'sums'
    if (any(flags .neqv. wet)) error stop 'flags'
    ! One sample without the dimension of the batch.
    call torch_model_infer_arrays(model, [torch_array(heat(:, 7)), torch_array(rain(7)), torch_array(wet(7))], &
      [torch_array(one), torch_array(one_sum), torch_array(flags(1))])
    if (any(abs(one - expected(:, 7)) > 1e-5) .or. abs(one_sum - sums(7)) > 1e-5) error stop 'one sample'
    call model%stats(input_copies=copies)
    if (is_kernel .and. copies /= 0) error stop 'a kernel needs no copies'
  end subroutine numbers

  subroutine by_tensors(model, heat, rain, wet, tendency, sums, flags)
    type(torch_model), intent(in) :: model
    real(real32), intent(in), target :: heat(:, :), rain(:)
    logical(c_bool), intent(in), target :: wet(:)
    real(real32), intent(inout), target :: tendency(:, :), sums(:)
    logical(c_bool), intent(inout), target :: flags(:)
    type(torch_tensor) :: inputs(3), outputs(3)
    call torch_tensor_from_array(inputs(1), heat, permute_dims=[2, 1])
    call torch_tensor_from_array(inputs(2), rain)
    call torch_tensor_from_array(inputs(3), wet)
    call torch_tensor_from_array(outputs(1), tendency, permute_dims=[2, 1])
    call torch_tensor_from_array(outputs(2), sums)
    call torch_tensor_from_array(outputs(3), flags)
    call model%forward(inputs, outputs)
  end subroutine by_tensors

  subroutine mistakes(file)
    character(len=*), intent(in) :: file
    type(torch_model) :: model
    type(torch_array) :: nowhere
    real(real32), target :: heat(5, 4), rain(4), tendency(3, 4), sums(4)
    real(real32), allocatable, target :: missing(:)
    real(real64), target :: wide(4)
    logical(c_bool), target :: wet(4), flags(4)
    type(torch_array) :: inputs(3), outputs(3)
    heat = 1
    rain = 1
    wet = .true.
    inputs = [torch_array(heat, permute_dims=[2, 1]), torch_array(rain), torch_array(wet)]
    tendency = 5
    outputs = [torch_array(tendency, permute_dims=[2, 1]), torch_array(sums), torch_array(flags)]
    call try('no model', inputs, outputs)
    call torch_model_load(model, file)
    call try('few inputs', inputs(:2), outputs)
    call try('few outputs', inputs, outputs(:2))
    call try('nothing', inputs(:0), outputs)
    call try('not allocated', [inputs(1), torch_array(missing), inputs(3)], outputs)
    call try('not described', [inputs(1), nowhere, inputs(3)], outputs)
    call try('other kind', [inputs(1), torch_array(wide), inputs(3)], outputs)
    call try('other sizes', [inputs(1), torch_array(rain(:3)), inputs(3)], outputs)
    call try('other order', [torch_array(heat), inputs(2:)], outputs)
    call try('same output', inputs, [outputs(1), torch_array(tendency(1, :)), outputs(3)])
    call try('output shape', inputs, [torch_array(tendency), outputs(2:)])
    if (any(abs(tendency - 5) > 0)) error stop 'a refused call has written'
    call try('right', inputs, outputs)

  contains

    subroutine try(name, x, y)
      character(len=*), intent(in) :: name
      type(torch_array), intent(in) :: x(:), y(:)
      character(len=400) :: message
      integer :: status
      message = ''
      call torch_model_infer_arrays(model, x, y, stat=status, errmsg=message)
      write (*, '(a, "|", i0, "|", a)') name, status, trim(message)
    end subroutine try

  end subroutine mistakes

end module infer_arrays_scenarios

program infer_arrays
  use, intrinsic :: iso_fortran_env, only: int64
  use :: ftorch, only: torch_live_handles
  use :: infer_arrays_scenarios, only: mistakes, numbers
  implicit none (type, external)
  character(len=200) :: scenario, file
  call get_command_argument(1, scenario)
  call get_command_argument(2, file)
  if (scenario == 'mistakes') then
    call mistakes(trim(file))
  else
    call numbers(trim(file), scenario == 'kernel')
  end if
  write (*, '(a, 1x, i0)') 'live', torch_live_handles()
end program infer_arrays
