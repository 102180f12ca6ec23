program subnormals
  !! Subnormal numbers in calls: who decides whether they count as zero, and who notices them. Arguments: a model file whose
  !! contract says nothing, and two of the same network that say yes and no.
  use, intrinsic :: ieee_arithmetic
  use, intrinsic :: iso_fortran_env, only: int32, int64, real32
  use :: ftorch
  implicit none (type, external)
  integer, parameter :: n = 32
  character(len=100) :: silent, flushing, keeping
  integer :: status
  character(len=300) :: message
  call get_command_argument(1, silent)
  call get_command_argument(2, flushing)
  call get_command_argument(3, keeping)
  call decide(trim(silent), host=.false., wanted=.false.)
  call decide(trim(silent), host=.true., wanted=.true.)
  call decide(trim(flushing), host=.false., wanted=.true.)
  call decide(trim(keeping), host=.true., wanted=.false.)
  call torch_set_flush_denormals(.true.)
  call decide(trim(silent), host=.false., wanted=.true.)
  call decide(trim(keeping), host=.false., wanted=.true.)
  call torch_set_flush_denormals(.false.)
  call decide(trim(silent), host=.true., wanted=.false.)
  call decide(trim(flushing), host=.true., wanted=.false.)
  call torch_set_flush_denormals(stat=status, errmsg=message)
  if (status /= 0) error stop 'the default cannot be had back'
  call decide(trim(silent), host=.false., wanted=.false.)
  call decide(trim(flushing), host=.false., wanted=.true.)
  write (*, '(a)') 'decided and counted'

contains

  subroutine decide(file, host, wanted)
    character(len=*), intent(in) :: file
    logical, intent(in) :: host, wanted
    type(torch_model) :: model
    type(torch_tensor) :: inputs(1), outputs(1)
    real(real32), target :: x(8, n), y(8, n)
    integer(int64) :: slow, calls
    integer :: loop
    logical :: gradual
    call torch_model_load(model, file)
    call ieee_set_underflow_mode(.not. host)
    x = 3
    do loop = 1, 3
      call model%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    end do
    call model%stats(calls=calls, subnormal_calls=slow)
    if (calls /= 3 .or. slow /= 0) error stop 'ordinary numbers were taken for subnormal ones'
    x = 1e-37_real32
    call model%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call check(y, wanted, file)
    call torch_tensor_from_array(inputs(1), x, [2, 1])
    call torch_tensor_from_array(outputs(1), y, [2, 1])
    call torch_model_forward(model, inputs, outputs)
    call check(y, wanted, file)
    x = transfer(70000_int32, 1.0_real32)
    do loop = 1, 5
      call model%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    end do
    call model%stats(calls=calls, subnormal_calls=slow)
    call ieee_get_underflow_mode(gradual)
    call ieee_set_underflow_mode(.true.)
    if (gradual .eqv. host) error stop 'the host has lost what it had set'
    if (calls /= 10) error stop 'wrong number of calls'
    ! A host that sets flush-to-zero for results alone still computes slowly with subnormal inputs.
    if (wanted .and. .not. host .and. slow > 0) error stop 'flushed numbers were counted'
    if (.not. wanted .and. slow < 5) error stop 'subnormal numbers were not counted'
  end subroutine decide

  subroutine check(results, flushed, file)
    real(real32), intent(in) :: results(:, :)
    logical, intent(in) :: flushed
    character(len=*), intent(in) :: file
    integer :: i, j, zeros
    zeros = 0
    do j = 1, n
      do i = 1, 8
        if (transfer(results(i, j), 0_int32) == 0) zeros = zeros + 1
      end do
    end do
    if (zeros == merge(8 * n, 0, flushed)) return
    write (*, '(2a, i0, a)') file, ': ', zeros, ' results are zero'
    error stop 'subnormal numbers were not treated as they should be'
  end subroutine check

end program subnormals
