program random_files
  !! Loads each model named on the command line and says what came of it: "NAME refused|once|steady|varying MESSAGE".
  use, intrinsic :: iso_fortran_env, only: real32
  use :: ftorch, only: torch_model, torch_model_delete, torch_model_eval, torch_model_load
  implicit none (type, external)
  call each()

contains

  subroutine each()
    character(len=600) :: name, message
    integer :: k, stat
    do k = 1, command_argument_count()
      call get_command_argument(k, name)
      message = ''
      call plainly(trim(name), stat, message)
      if (stat /= 0) then
        print '(a)', trim(name) // ' refused ' // trim(message)
        call allowed(trim(name))
        call for_training(trim(name))
      end if
    end do
  end subroutine each

  subroutine plainly(name, stat, message)
    character(len=*), intent(in) :: name
    integer, intent(out) :: stat
    character(len=*), intent(inout) :: message
    type(torch_model) :: model
    call torch_model_load(model, name, trust=.true., stat=stat, errmsg=message)
    if (stat == 0) print '(a)', name // answers(model)
  end subroutine plainly

  subroutine allowed(name)
    character(len=*), intent(in) :: name
    type(torch_model) :: model
    call torch_model_load(model, name, trust=.true., allow_random=.true.)
    print '(a)', name // answers(model) // ' allowed'
  end subroutine allowed

  subroutine for_training(name)
    !! In training mode it may be loaded, but there is no way to evaluation mode.
    character(len=*), intent(in) :: name
    type(torch_model) :: model
    character(len=600) :: message
    integer :: stat
    message = ''
    call torch_model_load(model, name, is_training=.true., stat=stat, errmsg=message)
    if (stat /= 0) return  ! a package, which is never in training mode
    call torch_model_eval(model, stat=stat, errmsg=message)
    if (stat /= 0) print '(a)', name // ' stays in training: ' // trim(message)
  end subroutine for_training

  function answers(model) result(words)
    !! The networks return three, four or five columns. Dropout drops the same of six in one of 64 calls: there are ten.
    type(torch_model), intent(in) :: model
    character(len=:), allocatable :: words
    real(real32), target :: x(2, 5), first(2, 5), second(2, 5)
    integer :: k, n, stat
    x = 1
    words = ' failed'
    do n = 3, 5
      call model%infer(x, first(:, :n), stat=stat)
      if (stat /= 0) cycle
      words = ' steady'
      do k = 1, 10
        call model%infer(x, second(:, :n))
        if (any(abs(first(:, :n) - second(:, :n)) > 0)) words = ' varying'
      end do
    end do
  end function answers
end program random_files
