module ftorch_runtime
  !! The process: versions, threads, random numbers, live handles.
  use, intrinsic :: iso_c_binding, only: c_int32_t, c_int64_t, c_null_ptr, c_ptr
  use, intrinsic :: iso_fortran_env, only: int64
  use :: ftorch_capi, only: ctorch_live_handles, ctorch_runtime_get_threads, ctorch_runtime_seed, &
    ctorch_runtime_set_flush_denormals, ctorch_runtime_set_threads, ctorch_runtime_torch_version, ctorch_runtime_version
  use :: ftorch_error, only: int_or, check_status, text_of
  use :: ftorch_types, only: ftorch_int, torch_handle_any
  implicit none (type, external)
  private

  public :: torch_version, torch_library_version, torch_live_handles, torch_set_num_threads, torch_get_num_threads
  public :: torch_set_flush_denormals, torch_manual_seed

  interface torch_manual_seed
    !! Seeds PyTorch's random generators on all devices.
    module procedure manual_seed_int32, manual_seed_int64
  end interface torch_manual_seed

contains

  function torch_version() result(version)
    !! Version of the PyTorch in use, like "2.13.0".
    character(len=:), allocatable :: version
    type(c_ptr) :: text
    integer(c_int64_t) :: length
    text = c_null_ptr
    length = 0
    call check_status(ctorch_runtime_torch_version(text, length), 'torch_version')
    version = text_of(text, length)
  end function torch_version

  function torch_library_version() result(version)
    !! Version of this library.
    character(len=:), allocatable :: version
    type(c_ptr) :: text
    integer(c_int64_t) :: length
    text = c_null_ptr
    length = 0
    call check_status(ctorch_runtime_version(text, length), 'torch_library_version')
    version = text_of(text, length)
  end function torch_library_version

  integer(int64) function torch_live_handles(kind)
    !! How many tensors, models and optimizers (or those of one kind, torch_handle_*) are alive in the whole process: the leak
    !! test that needs no tools.
    integer(ftorch_int), optional, intent(in) :: kind
    torch_live_handles = 0
    call check_status(ctorch_live_handles(int_or(kind, torch_handle_any), torch_live_handles), 'torch_live_handles')
  end function torch_live_handles

  subroutine torch_set_num_threads(count, stat, errmsg)
    !! Sets how many threads one PyTorch operation may use; 0 returns to the default, the host's own OpenMP count. The OpenMP
    !! count that the host itself sees never changes.
    integer, intent(in) :: count
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call check_status(ctorch_runtime_set_threads(int(count, c_int32_t)), 'torch_set_num_threads', stat, errmsg)
  end subroutine torch_set_num_threads

  integer function torch_get_num_threads()
    !! How many threads a PyTorch operation called from here uses.
    integer(c_int32_t) :: count
    count = 0
    call check_status(ctorch_runtime_get_threads(count), 'torch_get_num_threads')
    torch_get_num_threads = int(count)
  end function torch_get_num_threads

  subroutine torch_set_flush_denormals(flush, stat, errmsg)
    !! Whether numbers too small for the full precision (below 1.2e-38 in real32, 2.2e-308 in real64) count as zero in all calls,
    !! on all their threads. With them most processors compute a hundred times slower. The program's own arithmetic never changes.
    logical, optional, intent(in) :: flush
      !! Left out: back to the default, as the model's contract says, and where it is silent, as the calling thread does
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    integer(c_int32_t) :: mode
    mode = -1
    if (present(flush)) mode = merge(1_c_int32_t, 0_c_int32_t, flush)
    call check_status(ctorch_runtime_set_flush_denormals(mode), 'torch_set_flush_denormals', stat, errmsg)
  end subroutine torch_set_flush_denormals

  subroutine manual_seed_int32(seed)
    integer(c_int32_t), intent(in) :: seed
    call manual_seed_int64(int(seed, c_int64_t))
  end subroutine manual_seed_int32

  subroutine manual_seed_int64(seed)
    integer(c_int64_t), intent(in) :: seed
    call check_status(ctorch_runtime_seed(seed), 'torch_manual_seed')
  end subroutine manual_seed_int64

end module ftorch_runtime
