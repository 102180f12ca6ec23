program batch_memory
  !! Mini-batches over an array of `batch_memory MEGABYTES`: prints how much memory the batches needed at most, in kilobytes.
  use, intrinsic :: iso_fortran_env, only: int64, real64
  use :: ftorch
  implicit none (type, external)
  integer, parameter :: width = 128, batch_size = 64
  character(len=20) :: word
  integer :: megabytes
  call get_command_argument(1, word)
  read (word, *) megabytes
  call run(megabytes * 1024)

contains

  subroutine run(n_samples)
    integer, intent(in) :: n_samples
    real(real64), allocatable, target :: samples(:, :)
    type(torch_batches) :: batches
    type(torch_tensor) :: batch
    real(real64) :: total
    integer(int64) :: before
    total = 0
    allocate (samples(width, n_samples))  ! a kilobyte each
    samples = 1
    call torch_batches_create(batches, n_samples, batch_size)
    if (.not. batches%next()) error stop 'no batch'
    call batches%take(samples, batch, permute_dims=[2, 1])  ! what the library itself needs is there after this
    total = value_of(torch_sum(batch))
    before = peak()
    do while (batches%next())
      call batches%take(samples, batch, permute_dims=[2, 1])
      total = total + value_of(torch_sum(batch))
    end do
    if (abs(total - real(width, real64) * n_samples) > 0) error stop 'a sample is missing'
    print '(i0)', peak() - before
  end subroutine run

  real(real64) function value_of(tensor)
    type(torch_tensor), intent(in) :: tensor
    call torch_tensor_item(tensor, value_of)
  end function value_of

  integer(int64) function peak()
    !! The most memory that this process has had, in kilobytes.
    character(len=200) :: line
    integer :: unit, status
    peak = -1
    open (newunit=unit, file='/proc/self/status', action='read', status='old')
    do
      read (unit, '(a)', iostat=status) line
      if (status /= 0) exit
      if (index(line, 'VmHWM:') == 1) read (line(7:index(line, 'kB') - 1), *) peak
    end do
    close (unit)
  end function peak

end program batch_memory
