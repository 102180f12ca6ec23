module batches_scenarios
  !! Mini-batches: every sample once, arrays alike, the same order again, a resumed order.
  use, intrinsic :: iso_c_binding, only: c_double
  use, intrinsic :: iso_fortran_env, only: int32, int64, int8, real32, real64
  use :: ftorch
  use :: misuse_kit, only: expect, scenario, succeed
  implicit none (type, external)
  private
  public :: batch_scenarios

  integer, parameter :: n = 10

contains

  function batch_scenarios() result(table)
    type(scenario), allocatable :: table(:)
    table = [scenario('every_sample_once', every_sample_once), scenario('arrays_alike', arrays_alike), &
      scenario('dimensions', dimensions), scenario('reproducible', reproducible), scenario('resumed', resumed), &
      scenario('in_order', in_order), scenario('endless', endless), scenario('written_through', written_through), &
      scenario('batch_size_large', batch_size_large), scenario('batch_size_zero', batch_size_zero), &
      scenario('take_before_next', take_before_next), scenario('wrong_samples', wrong_samples), &
      scenario('wrong_dim', wrong_dim), scenario('unallocated', unallocated), scenario('target_shape', target_shape), &
      scenario('absent_device', absent_device), scenario('state_of_others', state_of_others), &
      scenario('state_size', state_size), scenario('stops_not_created', stops_not_created)]
  end function batch_scenarios

  subroutine every_sample_once(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_batches) :: batches
    integer :: seen(n), sizes(3), epoch, k, first(n), order(n)
    logical :: moved
    if (present(errmsg)) errmsg = ''
    call torch_batches_create(batches, n, 4, seed=3)
    call expect(batches%batch_count() == 3, 'three batches')
    moved = .false.
    do epoch = 1, 3
      seen = 0
      k = 0
      do while (batches%next())
        call expect(batches%get_epoch() == epoch, 'the epoch counts from 1')
        associate (chosen => batches%samples())
          order(sum(sizes(:k)) + 1:sum(sizes(:k)) + size(chosen)) = chosen
          seen(chosen) = seen(chosen) + 1
          k = k + 1
          sizes(k) = size(chosen)
        end associate
      end do
      call expect(all(seen == 1), 'each sample once')
      call expect(all(sizes == [4, 4, 2]), 'a small last batch')
      if (epoch == 1) first = order
      if (epoch > 1) moved = moved .or. any(first /= order)
    end do
    call expect(moved, 'epochs differ')
    call torch_batches_create(batches, n, 4, seed=3, drop_last=.true.)
    call expect(batches%batch_count() == 2, 'without the last one')
    k = 0
    do while (batches%next())
      k = k + 1
      call expect(size(batches%samples()) == 4, 'whole batches')
    end do
    call expect(k == 2, 'two of them')
    call succeed(stat)
  end subroutine every_sample_once

  subroutine arrays_alike(stat, errmsg)
    !! Kinds and ranks: element (i, ..., s) holds the sample s.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_batches) :: batches
    type(torch_tensor) :: x, y, z, w
    real(real32), target :: singles(3, n)
    real(real64), target :: doubles(n)
    integer(int32), target :: wholes(2, 2, n)
    integer(int8), target :: bytes(n, 1)
    real(real32), pointer :: px(:, :)
    real(real64), pointer :: py(:)
    integer(int32), pointer :: pz(:, :, :)
    integer(int8), pointer :: pw(:, :)
    integer :: s
    if (present(errmsg)) errmsg = ''
    do s = 1, n
      singles(:, s) = [s, s + 100, s + 200]
      doubles(s) = s
      wholes(:, :, s) = s
      bytes(s, 1) = int(s, int8)
    end do
    call torch_batches_create(batches, n, 3, seed=-17)
    do while (batches%next())
      call batches%take(singles, x, permute_dims=[2, 1])
      call batches%take(doubles, y)
      call batches%take(wholes, z)
      call batches%take(bytes, w, dim=1)
      call torch_tensor_to_array(x, px)
      call torch_tensor_to_array(y, py)
      call torch_tensor_to_array(z, pz)
      call torch_tensor_to_array(w, pw)
      call expect(all(shape(px) == [size(py), 3]), 'rows of samples')
      call expect(all(nint(px(:, 1)) == batches%samples()) .and. all(nint(px(:, 3)) == 200 + batches%samples()), 'real32')
      call expect(x%is_contiguous(), 'as networks want it')
      call expect(all(nint(py) == batches%samples()), 'real64')
      call expect(all(pz(2, 1, :) == batches%samples()) .and. size(pz) == 4 * size(py), 'int32, rank 3')
      call expect(all(int(pw(:, 1)) == batches%samples()), 'int8')
    end do
    call succeed(stat)
  end subroutine arrays_alike

  subroutine dimensions(stat, errmsg)
    !! The dimension of the samples is first, in the middle or last, in a section, and with the dimensions permuted.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_batches) :: batches
    type(torch_tensor) :: t
    real(real64), target :: first(n, 2, 3), middle(2, n, 3), every_second(2, 2 * n)
    real(real64), pointer :: p(:, :, :), q(:, :)
    integer :: i, j, s
    if (present(errmsg)) errmsg = ''
    do j = 1, 3
      do i = 1, 2
        do s = 1, n
          first(s, i, j) = 100 * s + 10 * i + j
          middle(i, s, j) = first(s, i, j)
          every_second(i, 2 * s - 1:2 * s) = [real(s, real64), -1.0_real64]
        end do
      end do
    end do
    call torch_batches_create(batches, n, 4, seed=1)
    call expect(batches%next(), 'there is a batch')
    associate (chosen => batches%samples())
      call batches%take(first, t, 1)
      call torch_tensor_to_array(t, p)
      call expect(all(abs(p - first(chosen, :, :)) <= 0), 'first')
      call batches%take(middle, t, dim=2)
      call torch_tensor_to_array(t, p)
      call expect(all(abs(p - middle(:, chosen, :)) <= 0), 'middle')
      call batches%take(middle, t, dim=2, permute_dims=[2, 3, 1])
      call torch_tensor_to_array(t, p)
      call expect(all(shape(p) == [4, 3, 2]), 'permuted')
      call expect(all(abs(p(:, 3, 2) - middle(2, chosen, 3)) <= 0), 'permuted values')
      call batches%take(every_second(:, ::2), t)
      call torch_tensor_to_array(t, q)
      call expect(all(nint(q(1, :)) == chosen), 'a section')
    end associate
    call succeed(stat)
  end subroutine dimensions

  subroutine reproducible(stat, errmsg)
    !! The order belongs to the seed, with every compiler: these samples are written down.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_batches) :: one, other, third
    logical :: differs
    if (present(errmsg)) errmsg = ''
    call torch_batches_create(one, n, n, seed=42)
    call torch_batches_create(other, n, n, seed=42)
    call torch_batches_create(third, n, n, seed=43)
    differs = .false.
    do while (one%next() .and. other%next() .and. third%next())
      call expect(all(one%samples() == other%samples()), 'one seed, one order')
      differs = differs .or. any(one%samples() /= third%samples())
      if (one%get_epoch() == 1) call expect(all(one%samples() == [7, 5, 6, 8, 3, 1, 10, 2, 9, 4]), 'the order of seed 42')
    end do
    call expect(differs, 'another seed, another order')
    call succeed(stat)
  end subroutine reproducible

  subroutine resumed(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_batches) :: one, other
    real(real64), allocatable :: state(:)
    integer :: k
    if (present(errmsg)) errmsg = ''
    call torch_batches_create(one, n, 3, seed=5)
    do k = 1, 6
      call expect(one%next(endless=.true.), 'endless')
    end do
    call one%get_state(state)
    call torch_batches_create(other, n, 3)
    call other%set_state(state, stat=stat, errmsg=errmsg)
    call expect(all(other%samples() == one%samples()), 'the same batch')
    do k = 1, 9
      call expect(one%next() .eqv. other%next(), 'the same ends')
      call expect(all(one%samples() == other%samples()), 'the same batches')
      call expect(one%get_epoch() == other%get_epoch(), 'the same epochs')
    end do
  end subroutine resumed

  subroutine in_order(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_batches) :: batches
    if (present(errmsg)) errmsg = ''
    call torch_batches_create(batches, n, 7, shuffle=.false.)
    call expect(batches%next(), 'first')
    call expect(all(batches%samples() == [1, 2, 3, 4, 5, 6, 7]), 'not shuffled')
    call expect(batches%next(), 'second')
    call expect(all(batches%samples() == [8, 9, 10]), 'the rest')
    call succeed(stat)
  end subroutine in_order

  subroutine endless(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_batches) :: batches
    integer :: k
    if (present(errmsg)) errmsg = ''
    call torch_batches_create(batches, n, 5)
    do k = 1, 20
      call expect(batches%next(endless=.true.), 'no end')
      call expect(size(batches%samples()) == 5, 'a batch each time')
    end do
    call expect(batches%get_epoch() == 10, 'ten epochs')
    call succeed(stat)
  end subroutine endless

  subroutine written_through(stat, errmsg)
    !! A tensor that wraps an array receives the batch there.
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_batches) :: batches
    type(torch_tensor) :: t
    real(real64), target :: samples(n), batch(4)
    integer :: s
    if (present(errmsg)) errmsg = ''
    samples = [(s, s=1, n)]
    call torch_tensor_from_array(t, batch)
    call torch_batches_create(batches, n, 4)
    call expect(batches%next(), 'there is a batch')
    call batches%take(samples, t)
    call expect(all(nint(batch) == batches%samples()), 'written through')
    samples = 0
    call expect(all(batch > 0), 'a copy')
    call succeed(stat)
  end subroutine written_through

  subroutine begun(batches)
    type(torch_batches), intent(inout) :: batches
    call torch_batches_create(batches, n, 4)
    if (.not. batches%next()) error stop 'no batch'
  end subroutine begun

  subroutine batch_size_large(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_batches) :: batches
    call torch_batches_create(batches, 10, 11, stat=stat, errmsg=errmsg)
  end subroutine batch_size_large

  subroutine batch_size_zero(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_batches) :: batches
    call torch_batches_create(batches, 10, 0, stat=stat, errmsg=errmsg)
  end subroutine batch_size_zero

  subroutine take_before_next(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_batches) :: batches
    type(torch_tensor) :: t
    real(c_double), target :: x(n)
    x = 0
    call torch_batches_create(batches, n, 2)
    call batches%take(x, t, stat=stat, errmsg=errmsg)
  end subroutine take_before_next

  subroutine wrong_samples(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_batches) :: batches
    type(torch_tensor) :: t
    real(c_double), target :: x(n, 3)
    x = 0
    call begun(batches)
    call batches%take(x, t, stat=stat, errmsg=errmsg)
  end subroutine wrong_samples

  subroutine wrong_dim(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_batches) :: batches
    type(torch_tensor) :: t
    real(c_double), target :: x(n)
    x = 0
    call begun(batches)
    call batches%take(x, t, dim=2, stat=stat, errmsg=errmsg)
  end subroutine wrong_dim

  subroutine unallocated(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_batches) :: batches
    type(torch_tensor) :: t
    real(c_double), allocatable, target :: x(:)
    call begun(batches)
    call batches%take(x, t, stat=stat, errmsg=errmsg)
  end subroutine unallocated

  subroutine target_shape(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_batches) :: batches
    type(torch_tensor) :: t
    real(c_double), target :: x(n), y(3)
    x = 0
    y = 7
    call begun(batches)
    call torch_tensor_from_array(t, y)
    call batches%take(x, t, stat=stat, errmsg=errmsg)
    call expect(all(abs(y - 7) <= 0), 'the array is untouched')
  end subroutine target_shape

  subroutine absent_device(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_batches) :: batches
    type(torch_tensor) :: t
    real(c_double), target :: x(n)
    x = 0
    call begun(batches)
    call batches%take(x, t, device_type=torch_kXPU, stat=stat, errmsg=errmsg)
  end subroutine absent_device

  subroutine state_of_others(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_batches) :: batches, others
    real(real64), allocatable :: state(:)
    call begun(batches)
    call torch_batches_create(others, n + 1, 4)
    call others%get_state(state)
    call batches%set_state(state, stat=stat, errmsg=errmsg)
  end subroutine state_of_others

  subroutine state_size(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_batches) :: batches
    call begun(batches)
    call batches%set_state([1.0_real64, 2.0_real64], stat=stat, errmsg=errmsg)
  end subroutine state_size

  subroutine stops_not_created(stat, errmsg)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_batches) :: batches
    if (present(errmsg)) errmsg = ''
    if (batches%next()) call succeed(stat)
  end subroutine stops_not_created

end module batches_scenarios

program misuse_batches
  use :: batches_scenarios, only: batch_scenarios
  use :: misuse_kit, only: run_scenarios
  implicit none (type, external)
  call run_scenarios(batch_scenarios())
end program misuse_batches
