module misuse_packages_scenarios
  !! Compiled packages called with what they do not take, and asked for what they cannot do.
  use, intrinsic :: iso_fortran_env, only: int32, int64, real32, real64
  use :: ftorch
  use :: misuse_kit, only: expect, scenario, succeed
  implicit none (type, external)
  private
  public :: package_scenarios

  character(len=*), parameter :: files(4) = [character(len=11) :: 'linear.pt2', 'aoti.pt2', 'kernel.pt2', 'script.pt2']
    !! The same network by each kind of code

contains

  function package_scenarios() result(table)
    type(scenario), allocatable :: table(:)
    table = [scenario('wrong_dtype', wrong_dtype), scenario('transposed', transposed), scenario('wrong_size', wrong_size), &
      scenario('batch_range', batch_range), scenario('no_variant', no_variant), scenario('output_shape', output_shape), &
      scenario('output_dtype', output_dtype), scenario('converted', converted), scenario('backwards', backwards), &
      scenario('unallocated', unallocated), scenario('training', training), scenario('load_training', load_training), &
      scenario('load_requiring', load_requiring), scenario('recorded', recorded), scenario('differentiated', differentiated), &
      scenario('other_dtype', other_dtype), scenario('weights_built_in', weights_built_in), &
      scenario('saved_built_in', saved_built_in), scenario('save_written_over', save_written_over), &
      scenario('save_plain', save_plain), scenario('sum_short', sum_short), scenario('sum_blank', sum_blank), &
      scenario('sum_other', sum_other), scenario('sum_of_torchscript', sum_of_torchscript), &
      scenario('plain_untrusted', plain_untrusted), scenario('plain_wrong_shape', plain_wrong_shape), &
      scenario('plain_inputs', plain_inputs), scenario('stats_not_loaded', stats_not_loaded), &
      scenario('other_device', other_device)]
  end function package_scenarios

  subroutine wrong_dtype(stat, errmsg)
    !! All kinds of code refuse it in the same words; the last one's are looked at.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    real(real64), target :: x(5)
    real(real32), target :: y(3)
    integer :: i
    x = 1
    y = -7
    do i = 1, size(files)
      call torch_model_load(model, files(i))
      call model%infer(x, y, stat=stat, errmsg=errmsg)
      call expect(all(y >= -7 .and. y <= -7), 'the output is untouched')
    end do
  end subroutine wrong_dtype

  subroutine transposed(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    real(real32), target :: x(5, 4), y(3, 4)
    integer :: i
    x = 1
    do i = 1, size(files)
      call torch_model_load(model, files(i))
      call model%infer(x, y, stat=stat, errmsg=errmsg)
    end do
  end subroutine transposed

  subroutine wrong_size(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    real(real32), target :: x(4, 6), y(4, 3)
    integer :: i
    x = 1
    do i = 1, size(files)
      call torch_model_load(model, files(i))
      call model%infer(x, y, stat=stat, errmsg=errmsg)
    end do
  end subroutine wrong_size

  subroutine batch_range(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    real(real32), target :: x(0, 5), y(0, 3)
    call torch_model_load(model, 'linear.pt2')
    call model%infer(x, y, stat=stat, errmsg=errmsg)
  end subroutine batch_range

  subroutine no_variant(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    real(real32), target :: x(65, 5), y(65, 3)
    call torch_model_load(model, 'few_sizes.pt2')
    x = 0
    call model%infer(x(:64, :), y(:64, :))
    call model%infer(x, y, stat=stat, errmsg=errmsg)
  end subroutine no_variant

  subroutine output_shape(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    real(real32), target :: x(5), y(4)
    integer :: i
    x = 1
    do i = 1, size(files)
      call torch_model_load(model, files(i))
      call model%infer(x, y, stat=stat, errmsg=errmsg)
    end do
  end subroutine output_shape

  subroutine output_dtype(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    real(real32), target :: x(5)
    real(real64), target :: y(3)
    integer :: i
    x = 1
    do i = 1, size(files)
      call torch_model_load(model, files(i))
      call model%infer(x, y, stat=stat, errmsg=errmsg)
    end do
  end subroutine output_dtype

  subroutine converted(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    real(real64), target :: x(5), y(3)
    integer :: i
    x = 1
    do i = 1, size(files)
      call torch_model_load(model, files(i))
      y = 0
      call model%infer(x, y, convert=.true., stat=stat, errmsg=errmsg)
      call expect(maxval(abs(y - [15, 31, 47])) < 1.0e-12_real64, 'converted both ways')
    end do
  end subroutine converted

  subroutine backwards(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    real(real32), target :: x(5), y(3)
    x = 1
    call torch_model_load(model, 'linear.pt2')
    call model%infer(x(5:1:-1), y, stat=stat, errmsg=errmsg)
  end subroutine backwards

  subroutine unallocated(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    real(real32), allocatable, target :: x(:)
    real(real32), target :: y(3)
    call torch_model_load(model, 'linear.pt2')
    call model%infer(x, y, stat=stat, errmsg=errmsg)
  end subroutine unallocated

  subroutine training(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    call torch_model_load(model, 'linear.pt2')
    call model%eval()
    call expect(.not. model%is_training(), 'evaluation mode')
    call model%train(stat=stat, errmsg=errmsg)
  end subroutine training

  subroutine load_training(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    call torch_model_load(model, 'linear.pt2', is_training=.true., stat=stat, errmsg=errmsg)
  end subroutine load_training

  subroutine load_requiring(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    call torch_model_load(model, 'linear.pt2', requires_grad=.true., stat=stat, errmsg=errmsg)
  end subroutine load_requiring

  subroutine recorded(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    type(torch_tensor) :: x(1), y(1)
    call torch_model_load(model, 'linear.pt2')
    call torch_tensor_ones(x(1), 2, [1_int64, 5_int64], torch_kFloat32, torch_kCPU)
    call model%forward(x, y, requires_grad=.true., stat=stat, errmsg=errmsg)
  end subroutine recorded

  subroutine differentiated(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    real(real32), target :: x(5), jac(3, 5)
    x = 1
    call torch_model_load(model, 'linear.pt2')
    call model%jacobian(x, jac, stat=stat, errmsg=errmsg)
  end subroutine differentiated

  subroutine other_dtype(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    call torch_model_load(model, 'linear.pt2')
    call torch_model_to(model, torch_kCPU)
    call torch_model_to(model, dtype=torch_kFloat64, stat=stat, errmsg=errmsg)
  end subroutine other_dtype

  subroutine weights_built_in(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    real(real32), target :: x(2, 5), y(2, 3)
    x = 1
    call torch_model_load(model, 'own.pt2')
    call torch_model_set_parameter(model, 'layer.bias', [0.0, 1.0, 2.0])
    call model%infer(x, y)
    call expect(all(abs(y(1, :) - [15, 31, 47]) < 1.0e-6), 'the old values may be put in again')
    call torch_model_set_parameter(model, 'layer.bias', [1.0, 2.0, 3.0])
    call model%infer(x, y, stat=stat, errmsg=errmsg)
  end subroutine weights_built_in

  subroutine saved_built_in(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    call torch_model_load(model, 'own.pt2')
    call torch_model_set_parameter(model, 'layer.bias', [1.0, 2.0, 3.0])
    call model%save('saved_built_in.pt2', stat=stat, errmsg=errmsg)
  end subroutine saved_built_in

  subroutine save_written_over(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    integer :: unit
    call torch_model_load(model, 'kernel.pt2')
    call model%save('written_over.pt2')
    call torch_model_load(model, 'written_over.pt2')
    open (newunit=unit, file='written_over.pt2', access='stream', status='old')
    write (unit, pos=1000) 'other code'
    close (unit)
    call model%save('again.pt2', stat=stat, errmsg=errmsg)
  end subroutine save_written_over

  subroutine save_plain(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    call torch_model_load(model, 'plain.pt2', trust=.true.)
    call model%save('saved_plain.pt2', stat=stat, errmsg=errmsg)
  end subroutine save_plain

  subroutine sum_short(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    call torch_model_load(model, 'linear.pt2', sha256='abc', stat=stat, errmsg=errmsg)
  end subroutine sum_short

  subroutine sum_blank(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    call torch_model_load(model, 'linear.pt2', sha256='', stat=stat, errmsg=errmsg)
  end subroutine sum_blank

  subroutine sum_other(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    call torch_model_load(model, 'linear.pt2', sha256=repeat('0A', 32), stat=stat, errmsg=errmsg)
  end subroutine sum_other

  subroutine sum_of_torchscript(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    call torch_model_load(model, 'linear.pt', sha256=repeat('0', 64), stat=stat, errmsg=errmsg)
  end subroutine sum_of_torchscript

  subroutine plain_untrusted(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    call torch_model_load(model, 'plain.pt2', trust=.false., stat=stat, errmsg=errmsg)
  end subroutine plain_untrusted

  subroutine plain_wrong_shape(stat, errmsg)
    !! The generated checks find it.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    real(real32), target :: x(6, 4), y(3, 4)
    x = 1
    call torch_model_load(model, 'plain.pt2', trust=.true.)
    call model%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1], stat=stat, errmsg=errmsg)
  end subroutine plain_wrong_shape

  subroutine plain_inputs(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    type(torch_tensor) :: x(2), y(1)
    call torch_model_load(model, 'plain.pt2', trust=.true.)
    call torch_tensor_ones(x(1), 2, [4_int64, 5_int64], torch_kFloat32, torch_kCPU)
    call torch_tensor_ones(x(2), 2, [4_int64, 5_int64], torch_kFloat32, torch_kCPU)
    call model%forward(x, y, stat=stat, errmsg=errmsg)
  end subroutine plain_inputs

  subroutine stats_not_loaded(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    integer(int64) :: calls
    call model%stats(calls=calls, stat=stat, errmsg=errmsg)
  end subroutine stats_not_loaded

  subroutine other_device(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_model) :: model
    call torch_model_load(model, 'linear.pt2', torch_kCUDA, stat=stat, errmsg=errmsg)
  end subroutine other_device

end module misuse_packages_scenarios

program misuse_packages
  use :: misuse_kit, only: run_scenarios
  use :: misuse_packages_scenarios, only: package_scenarios
  implicit none (type, external)
  call run_scenarios(package_scenarios())
end program misuse_packages
