program exchange
  !! `exchange model FILE` computes with a model, `exchange trainer FILE` trains for two steps: status, numbers, message.
  use, intrinsic :: iso_fortran_env, only: real32
  use :: ftorch
  implicit none (type, external)
  real(real32), target :: x(8, 5), y(4, 5)
  character(len=1000) :: what, file
  character(len=4000) :: message
  integer :: i, status
  call get_command_argument(1, what)
  call get_command_argument(2, file)
  x = reshape([(real(mod(7 * i, 11), real32) / 8 - 0.5, i=1, 40)], [8, 5])
  y = 0
  message = ''
  if (what == 'model') call compute()
  if (what == 'trainer') call train()
  print '(i0, 20(1x, es14.7))', status, y
  print '(a)', trim(message)

contains

  subroutine compute()
    type(torch_model) :: model
    call torch_model_load(model, trim(file), stat=status, errmsg=message)
    if (status /= torch_success) return
    call model%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1], stat=status, errmsg=message)
  end subroutine compute

  subroutine train()
    type(torch_trainer) :: trainer
    real(real32) :: target(4, 5), loss
    target = 0.25
    call trainer%load(trim(file), stat=status, errmsg=message)
    do i = 1, 2
      if (status /= torch_success) exit
      call trainer%step(x, target, loss, permute_dims=[2, 1], target_permute_dims=[2, 1], stat=status, errmsg=message)
      y(i, 1) = loss
    end do
  end subroutine train

end program exchange
