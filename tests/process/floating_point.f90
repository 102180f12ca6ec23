module floating_host
  !! A host program's team of threads, and the words that control the arithmetic of each.
  use, intrinsic :: iso_c_binding, only: c_int32_t
  use, intrinsic :: iso_fortran_env, only: real32
  use :: omp_lib, only: omp_get_thread_num
  implicit none (type, external)
  private
  public :: threads, word, flushes, smallest, team_words, spoil_team, same_words, check_results

  integer, parameter :: threads = 4
  real(real32), parameter :: smallest = 1e-37_real32  !! a hundredth of it is subnormal

  interface
    integer(c_int32_t) function word() bind(C, name='float_word')
      import :: c_int32_t
      implicit none (type, external)
    end function word

    subroutine set_word(new) bind(C, name='set_float_word')
      import :: c_int32_t
      implicit none (type, external)
      integer(c_int32_t), value :: new
    end subroutine set_word
  end interface

contains

  logical function flushes()
    !! Whether this thread flushes what is subnormal.
    real(real32), volatile :: tiny_number
    integer(c_int32_t) :: before
    before = word()
    tiny_number = smallest
    tiny_number = tiny_number * 1e-2_real32
    flushes = transfer(tiny_number, 0_c_int32_t) == 0
    call set_word(before)
  end function flushes

  function team_words() result(words)
    integer(c_int32_t) :: words(0:threads - 1)
    !$omp parallel num_threads(threads)
    words(omp_get_thread_num()) = word()
    !$omp end parallel
  end function team_words

  subroutine spoil_team()
    !! Each thread but the first gets flags of its own, and one of them another rounding: its own business.
    integer :: me
    !$omp parallel num_threads(threads) private(me)
    me = omp_get_thread_num()
    if (me > 0) call set_word(ior(word(), int(me, c_int32_t)))
    if (me == 2) call set_word(ior(word(), int(z'4000', c_int32_t)))
    !$omp end parallel
  end subroutine spoil_team

  subroutine same_words(before, what)
    integer(c_int32_t), intent(in) :: before(0:)
    character(len=*), intent(in) :: what
    integer(c_int32_t) :: now(0:threads - 1)
    integer :: i
    now = team_words()
    do i = 0, threads - 1
      if (now(i) == before(i)) cycle
      write (*, '(2a, i0, 2(a, z8.8))') what, ': thread ', i, ' had ', before(i), ', has ', now(i)
      error stop 'a thread of the host has lost its floating-point state'
    end do
  end subroutine same_words

  subroutine check_results(y, flushed, what)
    !! All results are zero, or none is.
    real(real32), intent(in) :: y(:)
    logical, intent(in) :: flushed
    character(len=*), intent(in) :: what
    integer :: i, zeros
    zeros = 0
    do i = 1, size(y)
      if (transfer(y(i), 0_c_int32_t) == 0) zeros = zeros + 1
    end do
    if (zeros == merge(size(y), 0, flushed)) return
    write (*, '(2a, i0, a, i0, a)') what, ': ', zeros, ' of ', size(y), ' results are zero'
    error stop 'the threads of a call have not computed as the host does'
  end subroutine check_results

end module floating_host

module floating_calls
  use, intrinsic :: iso_c_binding, only: c_int32_t
  use, intrinsic :: iso_fortran_env, only: int64, real32
  use :: floating_host, only: check_results, flushes, smallest, word
  use :: ftorch
  implicit none (type, external)
  private
  public :: call_it, compute, compute_model

contains

  subroutine call_it(what, n, flushed)
    !! Calls the library, by operations or with the model of that name.
    character(len=*), intent(in) :: what
    integer, intent(in) :: n
    logical, intent(in) :: flushed
    if (what == 'operations') then
      call compute(n, flushed)
    else
      call compute_model(what, n, flushed)
    end if
  end subroutine call_it

  subroutine compute(n, flushed)
    integer, intent(in) :: n
    logical, intent(in) :: flushed
    type(torch_tensor) :: a, b, zero
    real(real32), allocatable, target :: x(:), y(:)
    integer(c_int32_t) :: before
    allocate (x(n), source=smallest)
    allocate (y(n))
    before = word()
    call torch_tensor_from_array(a, x)
    call torch_tensor_from_array(b, y)
    b = a * 1e-2_real32
    call same_word('a product')
    call check_results(y, flushed, 'a product')
    zero = a - a
    call same_word('a difference')
    zero = a / zero - zero / zero
    call same_word('infinities and NaN')

  contains

    subroutine same_word(after)
      character(len=*), intent(in) :: after
      if (word() == before) return
      write (*, '(2a, 2(a, z8.8))') after, ' changed the word of the thread that called', ' from ', before, ' to ', word()
      error stop 'the caller has lost its floating-point state'
    end subroutine same_word
  end subroutine compute

  subroutine compute_model(file, n, flushed)
    character(len=*), intent(in) :: file
    integer, intent(in) :: n
    logical, intent(in) :: flushed
    type(torch_model) :: model
    real(real32), allocatable, target :: x(:, :), y(:, :)
    integer(c_int32_t) :: before
    allocate (x(8, n), source=smallest)
    allocate (y(8, n))
    before = word()
    call torch_model_load(model, file)
    if (word() /= before) error stop 'loading a model changes the floating-point state'
    call model%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    if (word() /= before) error stop 'infer changes the floating-point state'
    call check_results(pack(y, .true.), flushed, file)
  end subroutine compute_model

end module floating_calls

program floating_point
  !! Arguments: whose parallel region is the first (call, host, or inside: the calls are made in the host's region), what the
  !! host wants (plain, traps, flush), and what is called: operations, model files.
  use, intrinsic :: ieee_arithmetic
  use, intrinsic :: iso_c_binding, only: c_int32_t
  use, intrinsic :: iso_fortran_env, only: real32
  use :: floating_calls, only: call_it
  use :: floating_host, only: flushes, same_words, spoil_team, team_words, threads
  use :: ftorch, only: torch_live_handles
  implicit none (type, external)
  character(len=80) :: first, mode
  integer(c_int32_t) :: before(0:threads - 1)
  integer :: i
  logical :: flushed
  call get_command_argument(1, first)
  call get_command_argument(2, mode)
  if (mode == 'traps') call ieee_set_halting_mode([ieee_invalid, ieee_overflow, ieee_divide_by_zero], .true.)
  if (mode == 'flush') call ieee_set_underflow_mode(.false.)
  flushed = flushes()
  select case (first)
  case ('host')
    call spoil_team()
    before = team_words()
    call same_words(before, 'without a call')
    call call_all(250000, flushed)
    call same_words(before, 'after the calls')
  case ('call')
    call call_all(250000, flushed)
    before = team_words()
    if (any(iand(before, not(63_c_int32_t)) /= iand(before(0), not(63_c_int32_t)))) then
      error stop 'threads that were born in a call are not as the host'
    end if
    call same_words(before, 'afterwards')
    call call_all(250000, flushed)
    call same_words(before, 'after more calls')
  case ('inside')
    before = team_words()
    !$omp parallel do num_threads(threads) schedule(static, 1)
    do i = 1, threads
      call call_all(50000, flushed)
    end do
    !$omp end parallel do
    call same_words(before, 'after calls in a region')
  case default
    error stop 'floating: unknown order'
  end select
  if (torch_live_handles() /= 0) error stop 'handles are left'
  write (*, '(a)') 'each has its own'

contains

  subroutine call_all(n, all_zero)
    integer, intent(in) :: n
    logical, intent(in) :: all_zero
    character(len=80) :: what
    integer :: k
    do k = 3, command_argument_count()
      call get_command_argument(k, what)
      call call_it(trim(what), n, all_zero)
    end do
  end subroutine call_all

end program floating_point
