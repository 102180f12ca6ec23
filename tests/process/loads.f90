program loads
  !! Loads models while somebody watches: how much memory it takes, what it depends on afterwards, how files are replaced.
  !!
  !! `peak small big`: memory in kB that loading `big` takes at its peak and in the end, after `small` was loaded; `mapped` if the
  !! file itself is a part of the memory. `hold file`: loads, says so, waits for a line, then computes. `save file path`: loads and
  !! writes again; `save file path times`: so many times, until one fails. `look file end`: loads again and again, and writes what
  !! each model makes of ones, once more when there is a file `end`.
  use, intrinsic :: iso_fortran_env, only: output_unit, real32
  use :: ftorch
  implicit none (type, external)
  character(len=1000) :: word, first, second, third
  call get_command_argument(1, word)
  call get_command_argument(2, first)
  call get_command_argument(3, second)
  call get_command_argument(4, third)
  select case (word)
  case ('peak')
    call peak(trim(first), trim(second))
  case ('hold')
    call hold(trim(first))
  case ('save')
    call save_as(trim(first), trim(second), trim(third))
  case ('look')
    call look(trim(first), trim(second))
  case default
    error stop 'unknown word'
  end select

contains

  subroutine peak(small, big)
    character(len=*), intent(in) :: small, big
    type(torch_model) :: model, other
    integer :: before, unit
    call torch_model_load(other, small)
    open (newunit=unit, file='/proc/self/clear_refs', action='write')
    write (unit, '(a)') '5'
    close (unit)
    before = memory('VmRSS:')
    call torch_model_load(model, big)
    write (*, '(i0,1x,i0,1x,a)') memory('VmHWM:') - before, memory('VmRSS:') - before, &
      merge('mapped ', 'private', is_mapped(big))
  end subroutine peak

  integer function memory(key)
    !! In kB, by the system.
    character(len=*), intent(in) :: key
    character(len=200) :: line
    integer :: unit, status
    memory = -1
    open (newunit=unit, file='/proc/self/status', action='read')
    do
      read (unit, '(a)', iostat=status) line
      if (status /= 0) exit
      if (index(line, key) == 1) read (line(len(key) + 1:index(line, 'kB') - 1), *) memory
    end do
    close (unit)
  end function memory

  logical function is_mapped(file)
    character(len=*), intent(in) :: file
    character(len=4000) :: line
    integer :: unit, status
    is_mapped = .false.
    open (newunit=unit, file='/proc/self/maps', action='read')
    do
      read (unit, '(a)', iostat=status) line
      if (status /= 0) exit
      if (index(line, '/' // file) > 0) is_mapped = .true.
    end do
    close (unit)
  end function is_mapped

  subroutine hold(file)
    character(len=*), intent(in) :: file
    type(torch_model) :: model, copy
    real(real32), target :: x(5, 2), y(3, 2)
    character(len=1) :: go
    integer :: n
    call torch_model_load(model, file)
    write (*, '(a)') 'loaded'
    flush (output_unit)
    read (*, '(a)') go
    x = reshape([(real(n, real32), n=1, 10)], [5, 2])
    call model%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    write (*, '(6(1x,f0.1))') y
    call torch_model_copy(model, copy)
    call copy%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    write (*, '(6(1x,f0.1))') y
  end subroutine hold

  subroutine save_as(file, path, times)
    character(len=*), intent(in) :: file, path, times
    type(torch_model) :: model
    character(len=1000) :: message
    integer :: status, count, n
    message = ''
    count = 1
    if (times /= '') read (times, *) count
    call torch_model_load(model, file)
    do n = 1, count
      call model%save(path, stat=status, errmsg=message)
      if (status /= torch_success) exit
    end do
    write (*, '(a,i0,2a)') 'stat ', status, ' ', trim(message)
  end subroutine save_as

  subroutine look(file, end)
    character(len=*), intent(in) :: file, end
    type(torch_model) :: model
    real(real32), target :: x(5), y(3)
    logical :: is_over
    x = 1
    do
      inquire (file=end, exist=is_over)
      call torch_model_load(model, file)
      call model%infer(x, y)
      write (output_unit, '(3(1x,f0.1))') y
      flush (output_unit)
      if (is_over) exit
    end do
  end subroutine look

end program loads
