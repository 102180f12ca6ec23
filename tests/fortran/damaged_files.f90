program damaged_files
  !! Loads and runs every model file named on standard input and prints `name status values`: the status of the load, or of the
  !! call where the load succeeded, and what the call computed.
  use, intrinsic :: iso_fortran_env, only: output_unit, real32
  use :: ftorch
  implicit none (type, external)
  character(len=1000) :: path
  integer :: ended
  do
    read (*, '(a)', iostat=ended) path
    if (ended /= 0) exit
    ! Flushed first: where a file crashes the program, its name is the last line.
    write (*, '(a)', advance='no') trim(path)
    flush (output_unit)
    call run(trim(path))
  end do
  write (*, '(a,i0)') 'live ', torch_live_handles()

contains

  subroutine run(file)
    character(len=*), intent(in) :: file
    type(torch_model) :: model
    real(real32), target :: x(5, 2), y(3, 2)
    character(len=12000) :: message
    integer :: status, i
    x = reshape([(real(i, real32), i=0, 9)], [5, 2])
    y = -1
    message = ''
    call torch_model_load(model, file, stat=status, errmsg=message)
    if (status == torch_success) then
      call model%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1], stat=status, errmsg=message)
    end if
    write (*, '(1x,i0,6(1x,es12.5))') status, y
  end subroutine run

end program damaged_files
