program load_list
  !! Loads every model file named on standard input and prints `name|status|message`; with the argument `each` it does so without a
  !! status, each in a process of its own, of which every tenth takes apart what it has loaded before it ends.
  use, intrinsic :: iso_c_binding, only: c_int
  use, intrinsic :: iso_fortran_env, only: output_unit
  use :: forks, only: await_child, in_child
  use :: ftorch
  implicit none (type, external)
  character(len=8000) :: path
  character(len=8) :: how
  integer :: ended, number
  call get_command_argument(1, how)
  ! The first call loads libtorch, for all children.
  if (torch_live_handles() /= 0) error stop 'there are handles before the first file'
  number = 0
  do
    read (*, '(a)', iostat=ended) path
    if (ended /= 0) exit
    number = number + 1
    if (how == 'each') then
      call load_alone(trim(path), mod(number, 10) == 0)
    else
      write (*, '(2a)', advance='no') trim(path), '|'
      flush (output_unit)
      call load(trim(path))
    end if
  end do
  if (how /= 'each') write (*, '(a,i0)') 'live ', torch_live_handles()

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

  subroutine load_alone(file, thorough)
    character(len=*), intent(in) :: file
    logical, intent(in) :: thorough
    type(torch_model) :: model
    integer(c_int) :: child
    if (in_child(child, thorough)) then
      call torch_model_load(model, file)
      write (*, '(a)') 'returned'
      flush (output_unit)
      stop
    end if
    call await_child(child, file)
  end subroutine load_alone

end program load_list
