program from_bytes
  !! Models and trainers from the bytes of their files: `from_bytes model|trainer FILE N_IN N_OUT`. The numbers are those of the
  !! file itself; what is wrong with bytes is said of them.
  use, intrinsic :: iso_fortran_env, only: int8, real32
  use :: ftorch
  implicit none (type, external)
  integer, parameter :: n = 6
  integer(int8), allocatable :: bytes(:)
  character(len=200) :: word, file
  integer :: n_in, n_out
  call get_command_argument(2, file)
  call get_command_argument(3, word)
  read (word, *) n_in
  call get_command_argument(4, word)
  read (word, *) n_out
  call get_command_argument(1, word)
  bytes = content_of(file)
  select case (word)
  case ('model')
    call model_from_bytes()
  case ('trainer')
    call trainer_from_bytes()
  case default
    error stop 'model or trainer?'
  end select
  print '(a, 1x, i0)', 'live', torch_live_handles()

contains

  function content_of(name) result(content)
    character(len=*), intent(in) :: name
    integer(int8), allocatable :: content(:)
    integer :: unit, length
    inquire (file=name, size=length)
    allocate (content(length))
    open (newunit=unit, file=name, access='stream', form='unformatted', action='read', status='old')
    read (unit) content
    close (unit)
  end function content_of

  subroutine model_from_bytes()
    type(torch_model) :: by_name, model
    real(real32), target :: x(n, n_in), expected(n, n_out), y(n, n_out)
    integer(int8), allocatable :: given(:)
    call random_number(x)
    call torch_model_load(by_name, file)
    call by_name%infer(x, expected)
    given = bytes
    call torch_model_load(model, given, name='part of restart.nc')
    given = 0
    deallocate (given)
    y = -1
    call model%infer(x, y)
    if (any(y /= expected)) error stop 'other numbers'
    call model%save('saved_from_bytes')
    call torch_model_load(model, 'saved_from_bytes')
    y = -1
    call model%infer(x, y)
    if (any(y /= expected)) error stop 'other numbers after saving'
    call refused_model('empty', bytes(:0))
    call refused_model('short', bytes(:size(bytes) / 2))
    call refused_model('every other', bytes(::2))
    given = bytes
    given(size(given) / 2) = ieor(given(size(given) / 2), 1_int8)
    call refused_model('flipped', given)
    call refused_model('another sum', bytes, repeat('0', 64))
    call refused_model('blank sum', bytes, ' ')
    ! What was loaded before stays.
    y = -1
    call model%infer(x, y)
    if (any(y /= expected)) error stop 'a failed load has changed the model'
  end subroutine model_from_bytes

  subroutine refused_model(what, given, sha256)
    character(len=*), intent(in) :: what
    integer(int8), intent(in) :: given(:)
    character(len=*), optional, intent(in) :: sha256
    type(torch_model) :: model
    character(len=400) :: message
    integer :: status
    call torch_model_load(model, given, sha256=sha256, stat=status, errmsg=message)
    print '(a, 1x, i0, 1x, a)', what, status, trim(message)
  end subroutine refused_model

  subroutine trainer_from_bytes()
    type(torch_trainer) :: by_name, trainer
    real(real32), target :: x(n, n_in), y(n, n_out)
    real(real32) :: expected, loss
    integer(int8), allocatable :: given(:)
    character(len=400) :: message
    integer :: step, status
    call random_number(x)
    call random_number(y)
    call by_name%load(file)
    given = bytes
    call trainer%load(given)
    deallocate (given)
    do step = 1, 3
      call by_name%step(x, y, expected)
      call trainer%step(x, y, loss)
      if (loss /= expected) error stop 'other losses'
    end do
    call trainer%load(bytes(:100), name='bytes of ours', stat=status, errmsg=message)
    print '(a, 1x, i0, 1x, a)', 'short', status, trim(message)
    call trainer%load(bytes, sha256=repeat('0', 64), stat=status, errmsg=message)
    print '(a, 1x, i0, 1x, a)', 'another sum', status, trim(message)
    call trainer%load(bytes, sha256=' ', stat=status, errmsg=message)
    print '(a, 1x, i0, 1x, a)', 'blank sum', status, trim(message)
    call trainer%load(file, sha256='00', stat=status, errmsg=message)
    print '(a, 1x, i0, 1x, a)', 'short sum', status, trim(message)
  end subroutine trainer_from_bytes

end program from_bytes
