program load_list
  !! Loads every model file named on standard input and prints `name|status|message`.
  use, intrinsic :: iso_fortran_env, only: output_unit
  use :: ftorch
  implicit none (type, external)
  character(len=1000) :: path
  integer :: ended
  do
    read (*, '(a)', iostat=ended) path
    if (ended /= 0) exit
    write (*, '(2a)', advance='no') trim(path), '|'
    flush (output_unit)
    call load(trim(path))
  end do
  write (*, '(a,i0)') 'live ', torch_live_handles()

contains

  subroutine load(file)
    character(len=*), intent(in) :: file
    type(torch_model) :: model
    character(len=12000) :: message
    integer :: status
    message = ''
    call torch_model_load(model, file, stat=status, errmsg=message)
    write (*, '(i0,2a)') status, '|', trim(message)
  end subroutine load

end program load_list
