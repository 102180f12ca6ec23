module ftorch_batches
  !! Mini-batches of samples in Fortran arrays, in an order that is shuffled anew in each epoch. Only the batch is copied. The order
  !! is a function of the seed and the epoch, the same with every compiler, so a run can be resumed in the middle of an epoch.
  use, intrinsic :: iso_c_binding, only: c_int32_t, c_int64_t, c_ptr
  use, intrinsic :: iso_fortran_env, only: int64, real64
  use :: ftorch_capi, only: ctorch_op_index_select, ctorch_tensor_assign, ctorch_tensor_to
  use :: ftorch_compiler, only: result_lifetime
  use :: ftorch_devices, only: torch_kCPU
  use :: ftorch_error, only: int_or, refuse, check_status
  use :: ftorch_tensor_arrays, only: count_or_none, torch_tensor_from_array
  use :: ftorch_tensor_type, only: torch_tensor
  use :: ftorch_text, only: text
  use :: ftorch_types, only: ftorch_int, torch_error_argument, torch_kSame
  implicit none (type, external)
  private

  public :: torch_batches, torch_batches_create

  type :: torch_batches
    !! Goes through samples batch by batch:
    !!
    !!     call torch_batches_create(batches, n_samples, batch_size=32, seed=1)
    !!     do epoch = 1, 10
    !!       do while (batches%next())
    !!         call batches%take(x, x_batch)
    !!         call batches%take(y, y_batch)
    private
    integer(int64), allocatable :: order(:)  ! samples, counted from 0 as PyTorch's indices are
    integer(int64) :: batch_size = 0, seed = 0, epoch = 1, first = 1, last = 0  ! of the batch of all ranks
    integer(int64) :: rank = 0, ranks = 1
    logical :: shuffle = .true., drop_last = .false.
  contains
    procedure :: next => torch_batches_next
    procedure :: take => torch_batches_take
    procedure :: samples => torch_batches_samples
    procedure :: batch_count => torch_batches_count
    procedure :: sample_count => torch_batches_sample_count
    procedure :: get_epoch => torch_batches_epoch
    procedure :: get_state => torch_batches_get_state
    procedure :: set_state => torch_batches_set_state
  end type torch_batches

  integer, parameter :: n_state = 5

  interface
    function ftorch_from_array(array, order, order_count, order_dims, dtype, device_type, device_index, requires_grad, copy, &
                               tensor) result(status) bind(C)
      import :: c_int32_t, c_ptr
      type(*), intent(in), target :: array(..)
      integer(c_int32_t), value :: order, order_count
      integer(c_int32_t), optional, intent(in) :: order_dims(*)
      integer(c_int32_t), value :: dtype, device_type, device_index, requires_grad, copy
      type(c_ptr), intent(inout) :: tensor
      integer(c_int32_t) :: status
    end function ftorch_from_array
  end interface
  integer(c_int32_t), parameter :: order_permute = 1  ! CTORCH_ORDER_PERMUTE

contains

  subroutine torch_batches_create(batches, n_samples, batch_size, seed, shuffle, drop_last, rank, ranks, stat, errmsg)
    !! Starts before the first batch of the first epoch. Ranks of a parallel program that give the same arguments, each with its
    !! own `rank`, have parts of the same batches, as equal as may be: no sample twice, and none left out.
    type(torch_batches), intent(inout) :: batches
    integer, intent(in) :: n_samples, batch_size
    integer, optional, intent(in) :: seed
      !! Any number; 0 unless given
    logical, optional, intent(in) :: shuffle
      !! A new order in each epoch, unless .false.
    logical, optional, intent(in) :: drop_last
      !! Leaves out a last batch that is smaller than the others
    integer, optional, intent(in) :: rank, ranks
      !! Counted from 0, and how many there are; 0 and 1 unless given. `batch_size` is that of one rank. Of a smaller last batch
      !! a rank may have no sample
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_batches) :: made
    if (n_samples < 1 .or. batch_size < 1 .or. batch_size > n_samples) then
      call refuse(torch_error_argument, 'torch_batches_create', "argument 'batch_size': expected 1 to the " // &
        text(n_samples) // " samples of argument 'n_samples', got " // text(batch_size), stat, errmsg)
      return
    end if
    made%rank = int_or(rank, 0)
    made%ranks = int_or(ranks, 1)
    if (made%ranks < 1 .or. made%rank < 0 .or. made%rank >= made%ranks) then
      call refuse(torch_error_argument, 'torch_batches_create', "argument 'rank': expected 0 to less than the " // &
        text(int(made%ranks)) // " of argument 'ranks', got " // text(int(made%rank)), stat, errmsg)
      return
    end if
    made%batch_size = batch_size * made%ranks
    if (made%batch_size > n_samples) then
      call refuse(torch_error_argument, 'torch_batches_create', "argument 'batch_size': " // text(batch_size) // &
        ' for each of ' // text(int(made%ranks)) // ' ranks are more than the ' // text(n_samples) // &
        " samples of argument 'n_samples'", stat, errmsg)
      return
    end if
    allocate (made%order(n_samples))
    if (present(seed)) made%seed = seed
    if (present(shuffle)) made%shuffle = shuffle
    if (present(drop_last)) made%drop_last = drop_last
    call arrange(made)
    batches = made
    if (present(stat)) stat = 0
  end subroutine torch_batches_create

  logical function torch_batches_next(self, endless)
    !! Goes on to the next batch. At the end of an epoch it answers .false. and the next call begins the next epoch; with
    !! endless=.true. it begins it at once.
    class(torch_batches), intent(inout) :: self
    logical, optional, intent(in) :: endless
    integer(int64) :: left
    if (.not. allocated(self%order)) then
      call refuse(torch_error_argument, 'torch_batches%next', 'there are no samples yet: call torch_batches_create first')
    end if
    torch_batches_next = .true.
    left = size(self%order, kind=int64) - self%last
    if (left < merge(self%batch_size, 1_int64, self%drop_last)) then
      self%epoch = self%epoch + 1
      self%last = 0
      self%first = 1
      call arrange(self)
      torch_batches_next = .false.
      if (present(endless)) torch_batches_next = endless
      if (.not. torch_batches_next) return
    end if
    self%first = self%last + 1
    self%last = min(self%last + self%batch_size, size(self%order, kind=int64))
  end function torch_batches_next

  subroutine torch_batches_take(self, array, tensor, dim, permute_dims, device_type, device_index, stat, errmsg)
    !! The batch's samples of an array, of any rank and kind, as a tensor with memory of its own; one that wraps an array is
    !! written through. Several arrays give the same samples.
    class(torch_batches), intent(in), target :: self
    type(*), intent(in), target :: array(..)
    type(torch_tensor), intent(inout) :: tensor
    integer, optional, intent(in) :: dim
      !! Dimension of the array that counts the samples; the last one unless given
    integer(ftorch_int), optional, intent(in) :: permute_dims(:)
      !! As in torch_tensor_from_array: [2, 1] makes rows of the samples that are columns of the array
    integer(ftorch_int), optional, intent(in) :: device_type, device_index
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: whole, index, batch, moved
    integer(c_int32_t) :: status
    integer(ftorch_int) :: place
    character(len=:), allocatable :: message
    if (self%last == 0) then
      call refuse(torch_error_argument, 'torch_batches%take', 'no batch has been begun: call next first', stat, errmsg)
      return
    end if
    status = ftorch_from_array(array, order_permute, count_or_none(permute_dims), permute_dims, torch_kSame, &
      torch_kCPU, -1_c_int32_t, 0_c_int32_t, 0_c_int32_t, whole%p)
    if (status == 0) then
      place = int_or(dim, int(whole%get_rank()))
      if (.not. counts_samples(self, whole, place, permute_dims, message)) then
        call refuse(torch_error_argument, 'torch_batches%take', message, stat, errmsg)
        return
      end if
      if (present(permute_dims)) place = findloc(permute_dims, place, dim=1)
      call torch_tensor_from_array(index, self%order(lower(self):upper(self)))
      status = ctorch_op_index_select(whole%p, int(place, c_int64_t), index%p, result_lifetime, batch%p)
    end if
    if (status == 0 .and. present(device_type)) then
      status = ctorch_tensor_to(batch%p, torch_kSame, device_type, int_or(device_index, -1_c_int32_t), 0_c_int32_t, moved%p)
      if (status == 0) status = ctorch_tensor_assign(tensor%p, moved%p)
    else if (status == 0) then
      status = ctorch_tensor_assign(tensor%p, batch%p)
    end if
    call check_status(status, 'torch_batches%take', stat, errmsg)
  end subroutine torch_batches_take

  logical function counts_samples(self, whole, dim, permute_dims, message) result(right)
    !! Whether a dimension of an array has one element per sample.
    type(torch_batches), intent(in) :: self
    type(torch_tensor), intent(in) :: whole
    integer(ftorch_int), intent(in) :: dim
    integer(ftorch_int), optional, intent(in) :: permute_dims(:)
    character(len=:), allocatable, intent(out) :: message
    integer(int64), pointer :: sizes(:)
    integer :: place
    right = dim >= 1 .and. dim <= whole%get_rank()
    message = "argument 'dim': expected 1 to " // text(whole%get_rank()) // ', got ' // text(dim)
    if (.not. right) return
    place = dim
    if (present(permute_dims)) place = findloc(permute_dims, dim, dim=1)
    sizes => whole%get_shape()
    right = sizes(place) == size(self%order, kind=int64)
    message = "argument 'array': expected " // text(size(self%order)) // ' samples along dimension ' // text(dim) // ', got ' // &
      text(sizes(place)) // "; argument 'dim' names the dimension that counts them"
  end function counts_samples

  function torch_batches_samples(self) result(samples)
    !! The batch's samples, counted from 1.
    class(torch_batches), intent(in) :: self
    integer, allocatable :: samples(:)
    allocate (samples(0))
    if (allocated(self%order)) samples = int(self%order(lower(self):upper(self))) + 1
  end function torch_batches_samples

  pure integer function torch_batches_sample_count(self)
    !! How many samples the batch has on this rank.
    class(torch_batches), intent(in) :: self
    torch_batches_sample_count = int(upper(self) - lower(self)) + 1
  end function torch_batches_sample_count

  pure integer(int64) function lower(self)
    !! The first place in the order that this rank has of the batch.
    class(torch_batches), intent(in) :: self
    lower = self%first + (self%last - self%first + 1) * self%rank / self%ranks
  end function lower

  pure integer(int64) function upper(self)
    class(torch_batches), intent(in) :: self
    upper = self%first + (self%last - self%first + 1) * (self%rank + 1) / self%ranks - 1
  end function upper

  pure integer function torch_batches_count(self)
    !! Number of batches in an epoch.
    class(torch_batches), intent(in) :: self
    torch_batches_count = 0
    if (.not. allocated(self%order)) return
    torch_batches_count = int(size(self%order, kind=int64) / self%batch_size)
    if (.not. self%drop_last .and. mod(size(self%order, kind=int64), self%batch_size) > 0) then
      torch_batches_count = torch_batches_count + 1
    end if
  end function torch_batches_count

  pure integer function torch_batches_epoch(self)
    !! The epoch of the batch, counted from 1.
    class(torch_batches), intent(in) :: self
    torch_batches_epoch = int(self%epoch)
  end function torch_batches_epoch

  subroutine torch_batches_get_state(self, values)
    !! Where it stands, for a checkpoint.
    class(torch_batches), intent(in) :: self
    real(real64), allocatable, intent(out) :: values(:)
    integer(int64) :: count
    count = 0
    if (allocated(self%order)) count = size(self%order, kind=int64)
    values = real([count, self%seed, self%epoch, self%first, self%last], real64)
  end subroutine torch_batches_get_state

  subroutine torch_batches_set_state(self, values, stat, errmsg)
    !! Goes where another one stood that was made with the same arguments; the seed is that of the other one.
    class(torch_batches), intent(inout) :: self
    real(real64), intent(in) :: values(:)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    integer(int64) :: count
    count = 0
    if (allocated(self%order)) count = size(self%order, kind=int64)
    if (size(values) /= n_state) then
      call refuse(torch_error_argument, 'torch_batches%set_state', "argument 'values': expected " // text(n_state) // &
        ' values of get_state, got ' // text(size(values)), stat, errmsg)
      return
    end if
    if (nint(values(1), int64) /= count .or. count == 0 .or. values(5) > real(count, real64)) then
      call refuse(torch_error_argument, 'torch_batches%set_state', 'the state is that of ' // text(nint(values(1), int64)) // &
        ' samples, here there are ' // text(count) // '; call torch_batches_create with the same arguments first', stat, errmsg)
      return
    end if
    self%seed = nint(values(2), int64)
    self%epoch = nint(values(3), int64)
    self%first = nint(values(4), int64)
    self%last = nint(values(5), int64)
    call arrange(self)
    if (present(stat)) stat = 0
  end subroutine torch_batches_set_state

  subroutine arrange(self)
    !! The order of the epoch: Fisher and Yates' shuffle.
    type(torch_batches), intent(inout) :: self
    integer(int64) :: generator(6), i, j, kept
    do i = 1, size(self%order, kind=int64)
      self%order(i) = i - 1
    end do
    if (.not. self%shuffle) return
    call start(generator, self%seed, self%epoch)
    do i = size(self%order, kind=int64), 2, -1
      j = 1 + int(uniform(generator) * real(i, real64), int64)
      kept = self%order(i)
      self%order(i) = self%order(j)
      self%order(j) = kept
    end do
  end subroutine arrange

  ! L'Ecuyer's combined recursive generator MRG32k3a: all its products fit into 64 bits, so no compiler's overflow matters.
  subroutine start(generator, seed, epoch)
    integer(int64), intent(out) :: generator(6)
    integer(int64), intent(in) :: seed, epoch
    integer(int64), parameter :: modulus = 2147483647_int64
    integer(int64) :: x
    real(real64) :: discarded
    integer :: i
    x = 1 + modulo(seed, modulus - 1)
    do i = 1, 6
      x = mod(48271 * x, modulus)
      if (i == 3) x = 1 + modulo(x + epoch, modulus - 1)
      generator(i) = x
    end do
    do i = 1, 20  ! neighbouring seeds part
      discarded = uniform(generator)
    end do
  end subroutine start

  real(real64) function uniform(s)
    !! From 0 to below 1.
    integer(int64), intent(inout) :: s(6)
    integer(int64), parameter :: m1 = 4294967087_int64, m2 = 4294944443_int64
    integer(int64) :: p1, p2
    p1 = modulo(1403580 * s(2) - 810728 * s(1), m1)
    p2 = modulo(527612 * s(6) - 1370589 * s(4), m2)
    s = [s(2), s(3), p1, s(5), s(6), p2]
    uniform = real(modulo(p1 - p2, m1), real64) / real(m1, real64)
  end function uniform

end module ftorch_batches
