module handlers
  implicit none (type, external)
  private
  public :: my_handler, stops

  logical :: stops = .true.

contains

  subroutine my_handler(message, status)
    !! An MPI code would call MPI_Abort here.
    character(len=*), intent(in) :: message
    integer, intent(in) :: status
    write (*, '(a,i0,2a)') 'handler got ', status, ' ', message
    if (stops) stop 7
  end subroutine my_handler

end module handlers

program error_handler
  use :: ftorch
  use :: handlers, only: my_handler, stops
  implicit none (type, external)
  type(torch_model) :: model
  character(len=8) :: mode
  integer :: status
  call get_command_argument(1, mode)
  stops = mode == 'stop'
  call torch_set_error_handler(my_handler)
  call torch_model_load(model, 'missing.pt', stat=status)
  if (status == torch_error_file) call torch_model_load(model, 'missing.pt')
  write (*, '(a)') 'went on'
end program error_handler
