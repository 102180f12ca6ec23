program memory_pool
  !! Where the memory of tensors goes between calls. The first argument names what to look at; the answer is one number.
  use, intrinsic :: iso_c_binding, only: c_int, c_long
  use, intrinsic :: iso_fortran_env, only: int64, real32
  use :: ftorch
  use :: process_memory, only: resident
  implicit none (type, external)

  interface
    integer(c_int) function getrusage(who, usage) bind(C)
      import :: c_int, c_long
      implicit none (type, external)
      integer(c_int), value :: who
      integer(c_long), intent(out) :: usage(18)
    end function getrusage
  end interface
  integer, parameter :: minor_faults = 9  ! place in a struct rusage
  character(len=20) :: what

  call get_command_argument(1, what)
  select case (what)
  case ('faults')
    call count_faults()
  case ('waiting')
    call measure_waiting()
  case ('threads')
    call between_threads()
  case default
    error stop 'faults, waiting or threads'
  end select
  write (*, '(a,i0)') 'live ', torch_live_handles()

contains

  integer(c_long) function faults()
    integer(c_long) :: usage(18)
    if (getrusage(0_c_int, usage) /= 0) error stop 'getrusage'
    faults = usage(minor_faults)
  end function faults

  subroutine count_faults()
    !! Pages that the system had to clear in a call on a batch, whose intermediate tensors have a megabyte each.
    integer, parameter :: calls = 50
    type(torch_model) :: model
    real(real32), allocatable, target :: x(:, :), y(:, :)
    integer(c_long) :: before
    integer :: call
    allocate (x(5, 50000), y(3, 50000))
    x = 1
    y = 0
    call torch_model_load(model, 'linear.pt')
    do call = 1, 5
      call model%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    end do
    before = faults()
    do call = 1, calls
      call model%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    end do
    write (*, '(a,i0)') 'per call ', (faults() - before) / calls
  end subroutine count_faults

  subroutine measure_waiting()
    !! kB that stay with the process when 100 tensors of 1 to 4 MB, all different, are gone.
    integer :: before
    call fill_and_free(1)  ! loads PyTorch
    before = resident()
    call fill_and_free(100)
    write (*, '(a,i0)') 'kept ', resident() - before
  end subroutine measure_waiting

  subroutine fill_and_free(n)
    integer, intent(in) :: n
    type(torch_tensor), allocatable :: tensors(:)
    integer :: i
    allocate (tensors(n))
    do i = 1, size(tensors)
      call torch_tensor_ones(tensors(i), 1, [250000_int64 + 7500 * i], torch_kFloat32, torch_kCPU)
    end do
  end subroutine fill_and_free

  subroutine between_threads()
    !! Made by one thread and freed by another, whose pool may be gone by then.
    type(torch_tensor) :: tensors(64)
    real(real32), pointer :: values(:)
    integer :: i, round
    do round = 1, 50
      !$omp parallel do schedule(static, 1)
      do i = 1, size(tensors)
        call torch_tensor_full(tensors(i), real(i), [integer(int64) :: 10 * i * round])
      end do
      do i = 1, size(tensors)
        call torch_tensor_to_array(tensors(i), values)
        if (any(abs(values - i) > 0)) error stop 'overwritten'
      end do
      !$omp parallel do schedule(static, 1)
      do i = size(tensors), 1, -1
        call torch_tensor_delete(tensors(i))
      end do
    end do
  end subroutine between_threads

end program memory_pool
