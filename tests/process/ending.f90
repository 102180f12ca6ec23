program ending
  !! `ending HOW`: an OpenMP team computes without pause, and one of its threads ends the program in the middle of it.
  use, intrinsic :: iso_c_binding, only: c_int
  use, intrinsic :: iso_fortran_env, only: real32
  use :: ftorch
  implicit none (type, external)

  interface
    subroutine exit_c(code) bind(c, name='exit')
      import :: c_int
      implicit none (type, external)
      integer(c_int), value :: code
    end subroutine exit_c
    subroutine quick_exit_c(code) bind(c, name='quick_exit')
      import :: c_int
      implicit none (type, external)
      integer(c_int), value :: code
    end subroutine quick_exit_c
  end interface

  integer, parameter :: enough = 20
  type(torch_model) :: model
  integer :: calls = 0

  call torch_model_load(model, 'conv.pt', torch_kCPU)
  !$omp parallel num_threads(4)
  call compute()
  !$omp end parallel

contains

  subroutine compute()
    real(real32), target :: x(2, 4, 16, 16), y(2, 4, 16, 16)
    integer :: seen
    x = 1
    do
      call model%infer(x, y)
      !$omp atomic capture
      calls = calls + 1
      seen = calls
      !$omp end atomic
      if (seen == enough) call leave()
    end do
  end subroutine compute

  subroutine leave()
    character(len=16) :: how
    call get_command_argument(1, how)
    select case (how)
    case ('stop')
      stop 3
    case ('error stop')
      error stop 3
    case ('exit')
      call exit_c(3_c_int)
    case ('quick_exit')
      call quick_exit_c(3_c_int)
    case default
      stop 90
    end select
  end subroutine leave

end program ending
