program first_call
  !! Prints the versions, and how many microseconds the first inference with the model named by the first argument takes.
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use :: ftorch
  implicit none (type, external)
  character(len=200) :: file
  call get_command_argument(1, file)
  write (*, '(2a)') 'PyTorch ', torch_version()
  write (*, '(2a)') 'ftorch ', torch_library_version()
  call time(trim(file))

contains

  subroutine time(name)
    character(len=*), intent(in) :: name
    type(torch_model) :: model
    real(real32), target :: x(2, 5), y(2, 3)
    integer(int64) :: start, finish, rate
    x = 1
    call torch_model_load(model, name)
    call system_clock(start, rate)
    call model%infer(x, y)
    call system_clock(finish)
    write (*, '(a, f0.3)') 'microseconds ', 1e6_real64 * real(finish - start, real64) / real(rate, real64)
  end subroutine time

end program first_call
