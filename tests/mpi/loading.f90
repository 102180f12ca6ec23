module folders
  use, intrinsic :: iso_c_binding, only: c_char, c_int, c_null_char
  implicit none (type, external)
  private
  public :: go_to
  interface
    function chdir(path) result(failed) bind(C)
      import :: c_char, c_int
      character(kind=c_char), intent(in) :: path(*)
      integer(c_int) :: failed
    end function chdir
  end interface
contains
  subroutine go_to(path)
    character(len=*), intent(in) :: path
    if (chdir(path // c_null_char) /= 0) error stop 'no such folder'
  end subroutine go_to
end module folders

program loading
  ! Models and trainers on all ranks; only rank 0 sees the file. `loading SCENARIO FILE WIDTH`.
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use ftorch
  use ftorch_mpi
  use folders, only: go_to
  use job
  implicit none (type, external)
  character(len=32) :: scenario, word
  character(len=256) :: file, errmsg
  integer :: rank, n, stat, width
  call get_command_argument(1, scenario)
  call get_command_argument(2, file)
  call get_command_argument(3, word)
  read (word, *) width
  call start()
  rank = my_rank(mpi_comm_world)
  n = n_ranks(mpi_comm_world)
  if (rank > 0) call go_to('/')
  stat = -1
  errmsg = ''
  select case (scenario)
  case ('model')
    call a_model()
  case ('trainer')
    call a_trainer()
  case ('memory')
    call memory()
  case ('refused', 'other_name', 'one_device', 'blank_sum', 'stops')
    call refused()
  case default
    error stop 'no such scenario'
  end select
  call finish()

contains

  subroutine a_model()
    ! The same numbers everywhere, to the bit; and once more among the odd and the even ranks alone.
    type(torch_model) :: model
    real(real32), target :: x(width, 3), y(width, 3)
    integer :: i, half
    x = reshape([(sin(real(i, real32)), i=1, size(x))], shape(x))
    call torch_mpi_model_load(model, file, mpi_comm_world)
    call model%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call torch_mpi_same(mpi_comm_world, hex_of(y))
    if (rank == 1) call go_to_the_file()
    half = split(mpi_comm_world, modulo(rank, 2))
    call torch_mpi_model_load(model, file, half)
    y = 0
    call model%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call torch_mpi_same(mpi_comm_world, hex_of(y))
    call free(half)
    call torch_model_delete(model)
    call say(rank, int(torch_live_handles()), hex_of(y))
  end subroutine a_model

  subroutine go_to_the_file()
    character(len=256) :: home
    call get_environment_variable('PWD', home)
    call go_to(trim(home))
  end subroutine go_to_the_file

  subroutine a_trainer()
    ! Each rank has a state of its own: they differ when they have learned from different samples.
    type(torch_trainer) :: trainer
    real(real32), target :: x(4, 1), y(4, 1)
    real(real32) :: first, second
    call torch_mpi_trainer_load(trainer, file, mpi_comm_world)
    x = real(rank, real32)
    y = 1
    call trainer%step(x, y, first)
    call trainer%step(x, y, second)
    call torch_trainer_delete(trainer)
    write (word, '(2es14.6)') first, second
    call say(rank, int(torch_live_handles()), word)
  end subroutine a_trainer

  subroutine memory()
    ! What this rank has more of after loading, in kB; pages that are shared count in parts. Pages of files do not count: those of
    ! libraries are shared with whatever else runs on the machine.
    type(torch_model) :: model, small
    integer(int64) :: before
    call torch_mpi_model_load(small, 'medium.pt2', mpi_comm_world)  ! what every first call takes
    call wait(mpi_comm_world)
    before = proportional()
    call torch_mpi_model_load(model, file, mpi_comm_world)
    call wait(mpi_comm_world)
    write (word, '(i0)') proportional() - before
    call wait(mpi_comm_world)
    call say(rank, 0, word)
  end subroutine memory

  integer(int64) function proportional() result(kb)
    character(len=80) :: line
    integer(int64) :: part
    integer :: unit, failed
    kb = 0
    open (newunit=unit, file='/proc/self/smaps_rollup', action='read', status='old')
    do
      read (unit, '(a)', iostat=failed) line
      if (failed /= 0) exit
      if (line(:9) /= 'Pss_Anon:' .and. line(:10) /= 'Pss_Shmem:') cycle
      read (line(11:index(line, 'kB') - 1), *) part
      kb = kb + part
    end do
    close (unit)
  end function proportional

  subroutine refused()
    type(torch_model) :: model
    integer(ftorch_int) :: device
    device = torch_kCPU
    if (scenario == 'one_device' .and. rank == n - 1) device = torch_kXPU
    if (scenario == 'other_name' .and. rank == n - 1) file = 'other.pt2'
    if (scenario == 'stops') then
      call torch_mpi_model_load(model, file, mpi_comm_world)
      call say(rank, 0, 'went on')
    end if
    if (scenario == 'blank_sum') then
      call torch_mpi_model_load(model, file, mpi_comm_world, sha256=' ', stat=stat, errmsg=errmsg)
    else
      call torch_mpi_model_load(model, file, mpi_comm_world, device, stat=stat, errmsg=errmsg)
    end if
    call say(rank, stat, errmsg)
  end subroutine refused

  function hex_of(values) result(text)
    real(real32), intent(in) :: values(:, :)
    character(len=:), allocatable :: text
    integer :: i
    character(len=8) :: hex
    text = ''
    do i = 1, min(4, size(values, 1))
      write (hex, '(z8.8)') transfer(values(i, 2), 0)
      text = text // hex
    end do
    write (hex, '(z8.8)') transfer(sum(real(values, real64)), 0_int64)
    text = text // hex
  end function hex_of

end program loading
