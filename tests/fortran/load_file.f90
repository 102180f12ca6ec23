program load_file
  !! Loads the file named by the first argument; a second argument `stat` asks for the status instead of a stop.
  use, intrinsic :: iso_fortran_env, only: int64, real64
  use :: ftorch
  implicit none (type, external)
  character(len=8000) :: path
  character(len=8) :: how
  call get_command_argument(1, path)
  call get_command_argument(2, how)
  call load(trim(path), how == 'stat')
  write (*, '(a,i0)') 'live ', torch_live_handles()

contains

  subroutine load(file, handled)
    character(len=*), intent(in) :: file
    logical, intent(in) :: handled
    type(torch_model) :: model
    character(len=12000) :: message
    integer :: status
    message = ''
    if (handled) then
      call torch_model_load(model, file, stat=status, errmsg=message)
      write (*, '(a,i0,2a)') 'stat ', status, ' ', trim(message)
    else
      call torch_model_load(model, file)
    end if
  end subroutine load

end program load_file
