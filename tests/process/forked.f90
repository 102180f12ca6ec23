program forked
  !! A process that has computed with a team of threads, and its child: the child computes with one thread. It would wait for ever
  !! for the team, which has stayed behind: the alarm ends it then.
  use, intrinsic :: iso_c_binding, only: c_int
  use, intrinsic :: iso_fortran_env, only: real32
  use :: ftorch
  implicit none (type, external)

  interface
    function fork() bind(c) result(pid)
      import :: c_int
      implicit none (type, external)
      integer(c_int) :: pid
    end function fork

    function waitpid(pid, status, options) bind(c) result(found)
      import :: c_int
      implicit none (type, external)
      integer(c_int), value :: pid, options
      integer(c_int), intent(out) :: status
      integer(c_int) :: found
    end function waitpid

    function alarm(seconds) bind(c) result(left)
      import :: c_int
      implicit none (type, external)
      integer(c_int), value :: seconds
      integer(c_int) :: left
    end function alarm

    subroutine exit_now(code) bind(c, name='_exit')
      import :: c_int
      implicit none (type, external)
      integer(c_int), value :: code
    end subroutine exit_now
  end interface

  call both()

contains

  subroutine both()
    type(torch_model) :: model
    integer(c_int) :: child, status, ignored
    call torch_model_load(model, 'linear.pt')
    call compute(model)
    if (torch_get_num_threads() /= 2) error stop 'the parent has not two threads'
    child = fork()
    if (child == 0) then
      ignored = alarm(100_c_int)
      call in_child(model)
      call exit_now(0_c_int)
    end if
    if (waitpid(child, status, 0_c_int) /= child) error stop 'no child'
    if (status /= 0) then
      print '(a, i0)', 'the child ended with ', status
      error stop 'the child failed'
    end if
    call compute(model)
    if (torch_get_num_threads() /= 2) error stop 'the parent lost its threads'
    print '(a)', 'both have computed'
  end subroutine both

  subroutine in_child(model)
    type(torch_model), intent(in) :: model
    type(torch_model) :: another
    integer :: stat
    character(len=200) :: message
    call compute(model)
    call torch_model_load(another, 'linear.pt')
    call compute(another)
    if (torch_get_num_threads() /= 1) call exit_now(3_c_int)
    message = ''
    call torch_set_num_threads(2, stat=stat, errmsg=message)
    if (stat == 0 .or. index(message, 'forked') == 0) call exit_now(4_c_int)
  end subroutine in_child

  subroutine compute(model)
    !! So much that PyTorch shares the work out among threads.
    type(torch_model), intent(in) :: model
    integer, parameter :: n = 200000
    type(torch_tensor) :: t, s
    real(real32), allocatable, target :: x(:, :), y(:, :)
    real(real32), pointer :: p(:, :)
    allocate (x(n, 5), y(n, 3))
    x = 1
    call model%infer(x, y)
    if (any(abs(y(:, 3) - 47) > 0)) error stop 'a wrong result'
    call torch_tensor_from_array(t, x)
    s = torch_exp(t * 0.0) + t
    call torch_tensor_to_array(s, p)
    if (any(abs(p - 2) > 0)) error stop 'a wrong sum'
  end subroutine compute
end program forked
