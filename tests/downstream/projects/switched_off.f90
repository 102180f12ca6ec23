! A host that is linked with the stub: every call tells, none crashes, and what the compiler releases by itself is no error.
program switched_off
  use ftorch
  implicit none (type, external)
  character(len=1000) :: errmsg
  integer :: stat
  call nothing_is_made()
  call nothing_runs()
  print '(a)', 'all calls said so'
contains
  subroutine nothing_is_made()
    type(torch_tensor) :: tensor
    type(torch_model) :: model
    type(torch_optim) :: optimizer
    type(torch_trainer) :: trainer
    real, target :: x(2, 3)
    x = 1
    call torch_tensor_from_array(tensor, x, stat=stat, errmsg=errmsg)
    call said('torch_tensor_from_array')
    call torch_tensor_from_array(tensor, x(::2, :), permute_dims=[2, 1], stat=stat, errmsg=errmsg)
    call said('torch_tensor_from_array')
    call torch_model_load(model, 'model.pt2', stat=stat, errmsg=errmsg)
    call said('torch_model_load')
    call torch_optim_adam(optimizer, model, stat=stat, errmsg=errmsg)
    call said('torch_optim_Adam')
    call trainer%load('trainer.pt2', stat=stat, errmsg=errmsg)
    call said('torch_trainer_load')
    call torch_delete(tensor)
    call torch_delete(model)
    call torch_delete(optimizer)
    call torch_delete(trainer)
  end subroutine nothing_is_made

  subroutine nothing_runs()
    type(torch_tensor) :: tensor
    type(torch_model) :: model
    real :: x(3), y(3), total
    x = 1
    y = 2
    call model%infer(x, y, stat=stat, errmsg=errmsg)
    call said('torch_model_infer')
    call torch_tensor_copy_to(tensor, y, stat=stat, errmsg=errmsg)
    call said('torch_tensor_copy_to')
    call torch_tensor_backward(tensor, stat=stat, errmsg=errmsg)
    call said('torch_tensor_backward')
    call torch_model_save(model, 'model.pt2', stat=stat, errmsg=errmsg)
    call said('torch_model_save')
    total = sum(y)
    if (total < 6 .or. total > 6) error stop 'an array was written'
  end subroutine nothing_runs

  subroutine said(procedure_name)
    character(len=*), intent(in) :: procedure_name
    if (stat /= torch_error_library) error stop procedure_name // ': wrong status'
    if (index(errmsg, procedure_name // ': ') /= 1) error stop trim(errmsg)
    if (index(errmsg, 'machine learning is switched off. To switch it on') == 0) error stop trim(errmsg)
    stat = -1
    errmsg = ''
  end subroutine said
end program switched_off
