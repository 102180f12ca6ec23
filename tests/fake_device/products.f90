module products_scenarios
  !! TensorFloat-32 is a model's own: what the device sees while it multiplies, and what is set afterwards.
  use, intrinsic :: iso_c_binding, only: c_int32_t
  use, intrinsic :: iso_fortran_env, only: real32, real64
  use :: fake_runtime
  use :: ftorch
  implicit none (type, external)
  private
  public :: contract, settings, threads, learning
  integer, parameter :: none = 0, all_of_them = 3

  interface
    integer(c_int32_t) function noted() bind(C, name='fake_noted_products')
      !! What the last product on this thread was allowed: 1 for matrices, 2 for convolutions.
      import :: c_int32_t
    end function noted
    integer(c_int32_t) function allowed() bind(C, name='fake_products')
      import :: c_int32_t
    end function allowed
    subroutine allow(wanted) bind(C, name='fake_set_products')
      import :: c_int32_t
      integer(c_int32_t), value :: wanted
    end subroutine allow
    subroutine allow_medium() bind(C, name='fake_set_medium_products')
    end subroutine allow_medium
    integer(c_int32_t) function is_medium() bind(C, name='fake_medium_products')
      import :: c_int32_t
    end function is_medium
    subroutine allow_anew(wanted) bind(C, name='fake_set_products_anew')
      import :: c_int32_t
      integer(c_int32_t), value :: wanted
    end subroutine allow_anew
  end interface

contains

  subroutine run(model, expected, what)
    type(torch_model), intent(in) :: model
    integer, intent(in) :: expected
    character(len=*), intent(in) :: what
    real(real32), target :: x(2, 5), y(2, 3)
    x = 1
    call model%infer(x, y)
    call check(noted() == expected, what)
  end subroutine run

  subroutine contract()
    !! Loading, calls and self tests: each as its own contract says, whatever the program has set.
    type(torch_model) :: plain, coarse, compiled
    real(real64) :: difference
    integer :: before
    do before = none, all_of_them
      call allow(int(before, c_int32_t))
      call torch_model_load(plain, 'linear.pt', dev)
      call check(noted() == none, 'the calls of loading')
      call torch_model_load(coarse, 'tf32.pt', dev)
      call check(noted() == all_of_them, 'the calls of loading, in TF32')
      call torch_model_load(compiled, 'tf32.pt2', dev)
      call run(plain, none, 'TorchScript')
      call run(coarse, all_of_them, 'TorchScript in TF32')
      call run(compiled, all_of_them, 'compiled code in TF32')
      call run(plain, none, 'TorchScript again')
      call torch_model_self_test(coarse, difference)
      call check(noted() == all_of_them, 'the self test')
      call check(allowed() == before, 'what the program has set is there again')
    end do
    call torch_delete(plain)
    call torch_delete(coarse)
    call torch_delete(compiled)
  end subroutine contract

  subroutine settings()
    !! Settings of either form come back, and a call that fails leaves them too.
    type(torch_model) :: coarse, plain
    real(real32), target :: x(2, 4), y(2, 3)
    integer :: stat
    character(len=200) :: errmsg
    call torch_model_load(plain, 'linear.pt', dev)
    call torch_model_load(coarse, 'tf32.pt', dev)
    call allow_medium()
    call run(plain, none, 'not medium')
    call run(coarse, all_of_them, 'TF32')
    call check(is_medium() == 1 .and. allowed() == all_of_them, 'medium')
    call allow(0_c_int32_t)
    call allow_anew(2_c_int32_t)
    call run(plain, none, 'beside the newer form')
    call check(allowed() == 2, 'the newer form')
    call allow(0_c_int32_t)
    x = 1
    call coarse%infer(x, y, stat=stat, errmsg=errmsg)
    call check(stat /= 0 .and. allowed() == 0, 'a call that fails')
    call torch_model_load(coarse, 'tf32.pt')
    call allow(1_c_int32_t)
    call run(coarse, none, 'on the CPU nothing changes')
    call check(allowed() == 1, 'and nothing is set')
    call torch_delete(plain)
    call torch_delete(coarse)
  end subroutine settings

  subroutine threads()
    !! Two models on two threads at once.
    type(torch_model) :: models(0:1)
    real(real32), target :: x(2, 5), y(2, 3)
    integer :: i, wrong(0:1), k
    call torch_model_load(models(0), 'linear.pt', dev)
    call torch_model_load(models(1), 'tf32.pt', dev)
    call allow(1_c_int32_t)
    x = 1
    wrong = 0
    !$omp parallel do num_threads(2) schedule(static, 1) private(i, y) shared(models, x, wrong) default(none)
    do k = 0, 1
      do i = 1, 200
        call models(k)%infer(x, y)
        if (noted() /= merge(3, 0, k == 1)) wrong(k) = wrong(k) + 1
      end do
    end do
    !$omp end parallel do
    call check(all(wrong == 0), 'each as its contract says')
    call check(allowed() == 1, 'what the program has set is there again')
    call torch_delete(models(0))
    call torch_delete(models(1))
  end subroutine threads

  subroutine learning()
    !! Steps of training are in float32.
    type(torch_trainer) :: trainer
    real(real32) :: x(1, 8), y(1, 8), loss
    x = 1
    y = 1
    call allow(3_c_int32_t)
    call trainer%load('trainer.pt2', dev)
    call trainer%step(x, y, loss, [2, 1], [2, 1])
    call check(noted() == none, 'a step')
    call check(allowed() == all_of_them, 'what the program has set is there again')
  end subroutine learning

end module products_scenarios

program products
  use :: fake_runtime, only: finish
  use :: products_scenarios
  implicit none (type, external)
  character(len=16) :: name
  call get_command_argument(1, name)
  select case (name)
  case ('contract')
    call contract()
  case ('settings')
    call settings()
  case ('threads')
    call threads()
  case ('learning')
    call learning()
  case default
    error stop 'no such scenario'
  end select
  call finish()
end program products
