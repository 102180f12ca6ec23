module environment
  use, intrinsic :: iso_c_binding, only: c_char, c_int, c_null_char
  implicit none (type, external)
  private
  public :: mpi_takes
  interface
    integer(c_int) function setenv(name, value, overwrite) bind(C)
      import :: c_char, c_int
      character(kind=c_char), intent(in) :: name(*), value(*)
      integer(c_int), value :: overwrite
    end function setenv
  end interface
contains
  subroutine mpi_takes(answer)
    ! What this rank is told: whether MPI takes the memory of devices.
    character(len=*), intent(in) :: answer
    if (setenv('FTORCH_MPI_DEVICE_MEMORY' // c_null_char, answer // c_null_char, 1_c_int) /= 0) error stop 'setenv'
  end subroutine mpi_takes
end module environment

program devices
  ! Gradients of networks on (fake) devices, averaged over ranks: what those of the same network on the CPU are.
  ! `devices SCENARIO FILE`: a perceptron in real32 of which a part is never used.
  use, intrinsic :: iso_c_binding, only: c_int64_t
  use, intrinsic :: ieee_arithmetic, only: ieee_is_finite, ieee_positive_inf, ieee_value
  use, intrinsic :: iso_fortran_env, only: real32, real64
  use environment, only: mpi_takes
  use fake_runtime, only: copies_in, copies_out, dev, live_blocks, pageable_copies, pinned_blocks
  use ftorch
  use ftorch_mpi
  use job
  implicit none (type, external)
  character(len=32) :: scenario
  character(len=256) :: file, errmsg
  integer :: rank, n, stat
  real(real32), target :: x(200, 3)
  call get_command_argument(1, scenario)
  call get_command_argument(2, file)
  call start()
  rank = my_rank(mpi_comm_world)
  n = n_ranks(mpi_comm_world)
  stat = -1
  errmsg = ''
  call random_number(x)
  x = x + rank
  select case (scenario)
  case ('ways')
    call same_as_on_the_cpu(torch_kFloat32)
    call same_as_on_the_cpu(torch_kBFloat16)
    if (n > 1) call one_rank_without_a_device()
  case ('messages')
    call messages()
  case ('refused')
    call refused()
  case default
    error stop 'no such scenario'
  end select
  call must(torch_live_handles() == 0, 'handles are left')
  call torch_synchronize(dev, 0)
  call torch_synchronize(dev, 1)
  call must(live_blocks() == 0 .and. pinned_blocks() == 0, 'memory of devices is left')
  call say(rank, 0, verdict())
  call finish()

contains

  subroutine load(model, device, dtype)
    ! A network whose gradients have been computed, each rank's from its own numbers.
    type(torch_model), intent(inout) :: model
    integer, intent(in) :: device, dtype
    call torch_model_load(model, file, device, device_index=merge(modulo(rank, 2), -1, device == dev), requires_grad=.true., &
      is_training=.true.)
    if (dtype /= torch_kFloat32) call torch_model_to(model, dtype=dtype)
  end subroutine load

  subroutine differentiate(model, device, dtype)
    type(torch_model), intent(in) :: model
    integer, intent(in) :: device, dtype
    type(torch_tensor) :: input(1), output(1), sum
    call torch_tensor_from_array(input(1), x, permute_dims=[2, 1])
    call torch_tensor_to(input(1), input(1), dtype=dtype, device_type=device, &
      device_index=merge(modulo(rank, 2), -1, device == dev))
    call torch_model_forward(model, input, output, requires_grad=.true.)
    sum = torch_sum(output(1))
    call torch_tensor_backward(sum)
  end subroutine differentiate

  function averaged(device, dtype, who, samples) result(gradients)
    ! `who`: whether this rank has computed anything.
    integer, intent(in) :: device, dtype, samples
    logical, intent(in) :: who
    real(real32), allocatable :: gradients(:)
    type(torch_model) :: model
    call load(model, device, dtype)
    if (who) call differentiate(model, device, dtype)
    call torch_mpi_average_gradients(model, mpi_comm_world, samples)
    allocate (gradients(torch_model_flat_size(model)))
    call torch_model_flatten_gradients(model, gradients, convert=.true.)
    call torch_mpi_same(mpi_comm_world, bits(real(gradients, real64)))
  end function averaged

  subroutine same_as_on_the_cpu(dtype)
    ! The last rank has gradients of no weight, or none at all; MPI takes devices' memory, or does not, or not on all ranks.
    integer, intent(in) :: dtype
    real(real32), allocatable :: expected(:), found(:)
    logical :: last, everybody
    integer :: samples, k, way
    last = rank == n - 1 .and. n > 1
    samples = merge(0, rank + 1, last)
    do k = 1, 2
      everybody = k == 1
      expected = averaged(torch_kCPU, dtype, everybody .or. .not. last, samples)
      call must(maxval(abs(expected)) > 0.1_real32, 'there are gradients')
      do way = 1, 3
        call mpi_takes(trim(merge('yes', 'no ', way == 1 .or. way == 3 .and. rank > 0)))
        found = averaged(dev, dtype, everybody .or. .not. last, samples)
        ! Two numbers have one sum; of more, MPI adds up in an order of its own.
        call must(all(abs(found - expected) <= merge(0.0_real32, 2e-6_real32, n <= 2) * maxval(abs(expected))), &
          'the average of gradients on devices, way ' // achar(48 + way))
      end do
    end do
  end subroutine same_as_on_the_cpu

  subroutine one_rank_without_a_device()
    real(real32), allocatable :: expected(:), found(:)
    call mpi_takes('yes')
    expected = averaged(torch_kCPU, torch_kFloat32, .true., 1)
    found = averaged(merge(torch_kCPU, dev, rank == n - 1), torch_kFloat32, .true., 1)
    call must(all(abs(found - expected) <= 0), 'a rank on the CPU among those with devices')
  end subroutine one_rank_without_a_device

  subroutine messages()
    ! Where MPI takes them, gradients stay on the device (whether all are finite is no copy, to the fake one). Else all come in one
    ! copy, and go back in one.
    type(torch_model) :: model
    integer(c_int64_t) :: in, out, pageable
    integer :: way
    character(len=80) :: counts
    call load(model, dev, torch_kFloat32)
    call differentiate(model, dev, torch_kFloat32)
    do way = 1, 2
      call mpi_takes(trim(merge('yes', 'no ', way == 1)))
      in = copies_in()
      out = copies_out()
      pageable = pageable_copies()
      call torch_mpi_average_gradients(model, mpi_comm_world, 1)
      write (counts, '(3(a,i0))') 'way ', way, ': copies to the device ', copies_in() - in, ', from it ', copies_out() - out
      call must(all([copies_in() - in, copies_out() - out] == way - 1), trim(counts))
      if (way == 2) call must(pageable_copies() == pageable, 'copies are of pinned memory')
    end do
  end subroutine messages

  subroutine refused()
    type(torch_model) :: model
    real(real32), allocatable :: gradients(:)
    logical :: last
    integer :: way
    last = rank == n - 1
    call load(model, dev, torch_kFloat32)
    allocate (gradients(torch_model_flat_size(model)))
    call mpi_takes('yes')
    call torch_mpi_average_gradients(model, mpi_comm_world, 3, stat=stat, errmsg=errmsg)
    call told(stat, errmsg, 'argument ''model'': no parameter has a gradient on any rank', torch_error_argument)
    do way = 1, 2
      call mpi_takes(trim(merge('yes', 'no ', way == 1)))
      gradients = 1
      if (last) gradients(40207) = ieee_value(1.0_real32, ieee_positive_inf)
      call torch_model_unflatten_gradients(model, gradients)
      call torch_mpi_average_gradients(model, mpi_comm_world, 3, stat=stat, errmsg=errmsg)
      call told(stat, errmsg, 'number 40207 of the gradients is infinite or not a number', torch_error_model)
      call torch_model_unflatten_gradients(model, gradients)
      call torch_mpi_average_gradients(model, mpi_comm_world, merge(0, 3, last .and. n > 1), check_finite=n > 1)
      call torch_model_flatten_gradients(model, gradients)
      if (n > 1) call must(all(abs(gradients - 1) < 1e-6), 'what has no weight is left out')
    end do
    if (last) call mpi_takes('perhaps')
    call torch_mpi_average_gradients(model, mpi_comm_world, 3, stat=stat, errmsg=errmsg)
    call told(stat, errmsg, 'FTORCH_MPI_DEVICE_MEMORY: expected yes or no, got ''perhaps''', torch_error_argument)
  end subroutine refused

end program devices
