module collector_scenarios
  !! Blocks that threads prepare one by one, and one call for all; the network of infer_arrays.
  use, intrinsic :: iso_c_binding, only: c_bool
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: ftorch
  implicit none (type, external)
  private
  public :: numbers, mistakes

  integer, parameter :: n_blocks = 7, widest = 9

contains

  subroutine numbers(file)
    character(len=*), intent(in) :: file
    type(torch_model) :: model
    type(torch_collector) :: collector
    real(real32), target :: heat(5, widest, n_blocks), rain(widest, n_blocks), tendency(widest, 3, n_blocks), sums(widest, n_blocks)
    real(real32), target :: expected(3, widest), expected_sums(widest)
    logical(c_bool), target :: wet(widest, n_blocks), flags(widest, n_blocks), expected_flags(widest)
    integer(int64) :: calls
    integer :: block, step, m
    call torch_model_load(model, file)
    call torch_collector_create(collector, n_blocks, n_inputs=3, n_outputs=3)
    do step = 1, 3
      tendency = -8
      !$omp parallel do private(m)
      do block = 1, n_blocks
        m = samples(block)
        heat(:, :, block) = real(step * block, real32) / 10
        heat(2, :, block) = 0
        rain(:, block) = real(block - step, real32)
        wet(:, block) = modulo(block, 2) == 0
        call collector%set_arrays(block, [torch_array(heat(:, :m, block), [2, 1]), torch_array(rain(:m, block)), &
          torch_array(wet(:m, block))], [torch_array(tendency(:m, :, block)), torch_array(sums(:m, block)), &
          torch_array(flags(:m, block))])
      end do
      !$omp end parallel do
      call collector%run(model)
      do block = 1, n_blocks
        m = samples(block)
        if (any(tendency(m + 1:, :, block) > -8)) error stop 'written beside a block'
        if (m == 0) cycle
        call torch_model_infer_arrays(model, [torch_array(heat(:, :m, block), [2, 1]), torch_array(rain(:m, block)), &
          torch_array(wet(:m, block))], [torch_array(expected(:, :m), [2, 1]), torch_array(expected_sums(:m)), &
          torch_array(expected_flags(:m))])
        if (any(abs(tendency(:m, :, block) - transpose(expected(:, :m))) > 1e-6)) error stop 'tendency'
        if (any(abs(sums(:m, block) - expected_sums(:m)) > 1e-5)) error stop 'sums'
        if (any(flags(:m, block) .neqv. expected_flags(:m))) error stop 'flags'
      end do
    end do
    call model%stats(calls=calls)
    if (calls /= 3 * (1 + count([(samples(block) > 0, block=1, n_blocks)]))) error stop 'one call for all blocks'
    call real64_blocks(model)
  end subroutine numbers

  integer function samples(block)
    integer, intent(in) :: block
    samples = modulo(3 * block, widest + 1)
    if (block == 4) samples = 0
  end function samples

  subroutine real64_blocks(model)
    !! Fields of the host's own kind; a second collector in the place of the first; no samples at all.
    type(torch_model), intent(in) :: model
    type(torch_collector) :: collector
    real(real64), target :: heat(2, 5, 3), rain(2, 3), tendency(2, 3, 3), sums(2, 3)
    logical(c_bool), target :: wet(2, 3), flags(2, 3)
    integer :: block, m
    heat = 0.25_real64
    rain = 1
    wet = .true.
    tendency = 7
    do m = 0, 2, 2
      call torch_collector_create(collector, 3, 3, 3)
      do block = 1, 3
        call collector%set_arrays(block, &
          [torch_array(heat(:m, :, block)), torch_array(rain(:m, block)), torch_array(wet(:m, block))], &
          [torch_array(tendency(:m, :, block)), torch_array(sums(:m, block)), torch_array(flags(:m, block))])
      end do
      call collector%run(model, convert=.true.)
      if (m == 0 .and. any(tendency < 7)) error stop 'written without samples'
    end do
    if (any(abs(sums - 2.25_real64) > 1e-6) .or. any(tendency > 1)) error stop 'real64'
  end subroutine real64_blocks

  subroutine mistakes(file)
    character(len=*), intent(in) :: file
    type(torch_model) :: model, none
    type(torch_collector) :: collector
    type(torch_array) :: inputs(3), outputs(3)
    real(real32), target :: heat(5, 4), rain(4), tendency(3, 4), sums(4), heat2(5, 4), rain2(4), tendency2(3, 4), sums2(4)
    real(real64), target :: wide(4)
    logical(c_bool), target :: wet(4), flags(4), wet2(4), flags2(4)
    character(len=400) :: message
    integer :: status
    call torch_model_load(model, file)
    heat = 1
    rain = 1
    wet = .true.
    heat2 = 1
    rain2 = 1
    wet2 = .true.
    tendency = 5
    tendency2 = 5
    inputs = [torch_array(heat, [2, 1]), torch_array(rain), torch_array(wet)]
    outputs = [torch_array(tendency, [2, 1]), torch_array(sums), torch_array(flags)]
    call collector%set_arrays(1, inputs, outputs, stat=status, errmsg=message)
    call tell('not created')
    call collector%run(model, stat=status, errmsg=message)
    call tell('run, not created')
    call torch_collector_create(collector, 0, stat=status, errmsg=message)
    call tell('no blocks')
    call torch_collector_create(collector, 2, 3, 3)
    call collector%set_arrays(3, inputs, outputs, stat=status, errmsg=message)
    call tell('block large')
    call collector%set_arrays(1, inputs(:2), outputs, stat=status, errmsg=message)
    call tell('few inputs')
    call collector%set_arrays(1, inputs, outputs)
    call try('not set')
    call collector%set_arrays(2, inputs, outputs)
    call try('same arrays')
    inputs = [torch_array(heat2, [2, 1]), torch_array(rain2), torch_array(wet2)]
    call collector%set_arrays(2, inputs, outputs)
    call try('same outputs')
    outputs = [torch_array(tendency2, [2, 1]), torch_array(sums2), torch_array(flags2)]
    call collector%set_arrays(2, [inputs(1), torch_array(wide), inputs(3)], outputs)
    call try('other kind')
    call collector%set_arrays(2, [torch_array(heat2(:3, :), [2, 1]), inputs(2:)], outputs)
    call try('other shape')
    call collector%set_arrays(2, [inputs(1), torch_array(rain2(:3)), inputs(3)], outputs)
    call try('other count')
    call collector%set_arrays(2, inputs, [outputs(1), torch_array(sums2(:2)), outputs(3)])
    call try('other output count')
    call collector%set_arrays(1, [torch_array(heat(:4, :), [2, 1]), torch_array(rain), torch_array(wet)], &
      [torch_array(tendency, [2, 1]), torch_array(sums), torch_array(flags)])
    call collector%set_arrays(2, [torch_array(heat2(:4, :), [2, 1]), inputs(2:)], outputs)
    call try('not of the model')
    call collector%set_arrays(1, [torch_array(heat, [2, 1]), torch_array(rain), torch_array(wet)], &
      [torch_array(tendency, [2, 1]), torch_array(sums), torch_array(flags)])
    call collector%set_arrays(2, inputs, [torch_array(tendency2(:2, :), [2, 1]), outputs(2:)])
    call try('output shape')
    call collector%set_arrays(2, inputs, outputs)
    call collector%run(none, stat=status, errmsg=message)
    call tell('no model')
    if (any(abs(tendency - 5) > 0) .or. any(abs(tendency2 - 5) > 0)) error stop 'a refused call has written'
    call try('right')
    if (any(tendency > 4) .or. any(tendency2 > 4)) error stop 'nothing written'

  contains

    subroutine try(name)
      character(len=*), intent(in) :: name
      message = ''
      call collector%run(model, stat=status, errmsg=message)
      call tell(name)
    end subroutine try

    subroutine tell(name)
      character(len=*), intent(in) :: name
      write (*, '(a, "|", i0, "|", a)') name, status, trim(message)
      message = ''
    end subroutine tell

  end subroutine mistakes

end module collector_scenarios

program collector
  use :: ftorch, only: torch_live_handles
  use :: collector_scenarios, only: mistakes, numbers
  implicit none (type, external)
  character(len=200) :: scenario, file
  call get_command_argument(1, scenario)
  call get_command_argument(2, file)
  if (scenario == 'mistakes') then
    call mistakes(trim(file))
  else
    call numbers(trim(file))
  end if
  write (*, '(a, 1x, i0)') 'live', torch_live_handles()
end program collector
