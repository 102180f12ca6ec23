program configure
  !! `configure FILE [GROUP]` reads a configuration and prints what came of it: `configure FILE rates STEPS` the learning rates, and
  !! the weights after steps with clipped gradients.
  use, intrinsic :: iso_fortran_env, only: real64
  use :: ftorch
  implicit none (type, external)
  call main()
  if (torch_live_handles() /= 0) error stop 'handles are left'

contains

  subroutine main()
    character(len=200) :: file, word
    character(len=3000) :: errmsg
    type(torch_config) :: config
    integer :: stat
    call get_command_argument(1, file)
    call get_command_argument(2, word)
    config%batch_size = -1
    if (word == '' .or. word == 'rates') then
      call torch_config_read(config, trim(file), stat=stat, errmsg=errmsg)
    else if (word == 'stop') then
      call torch_config_read(config, trim(file))
    else
      call torch_config_read(config, file, group=word, stat=stat, errmsg=errmsg)
    end if
    if (stat /= 0) then
      print '(a, i0, 1x, a)', 'stat ', stat, trim(errmsg)
      if (config%batch_size /= -1) error stop 'a failed read has changed the configuration'
    else if (word == 'rates') then
      call train(config)
    else
      print '(2a)', 'optimizer ', trim(config%optimizer)
      print '(2a)', 'schedule ', trim(config%schedule)
      print '(a, i0)', 'batch_size ', config%batch_size, 'epochs ', config%epochs, 'seed ', config%seed, &
        'report_every ', config%report_every, 'accumulation_steps ', config%accumulation_steps
      if (allocated(config%ema_decay)) print '(a, es12.5)', 'ema_decay ', config%ema_decay
      if (allocated(config%learning_rate)) print '(a, es12.5)', 'learning_rate ', config%learning_rate
      if (allocated(config%momentum)) print '(a, es12.5)', 'momentum ', config%momentum
      if (allocated(config%nesterov)) print '(a, l1)', 'nesterov ', config%nesterov
      if (allocated(config%milestones)) print '(a, *(i0, :, ","))', 'milestones ', config%milestones
      if (allocated(config%clip_norm)) print '(a, es12.5)', 'clip_norm ', config%clip_norm
    end if
  end subroutine main

  subroutine train(config)
    type(torch_config), intent(in) :: config
    real(real64), target :: weight(3), total(1)
    type(torch_tensor) :: w, loss
    type(torch_optim) :: optim
    type(torch_schedule) :: schedule
    character(len=20) :: word
    integer :: i, steps
    call get_command_argument(3, word)
    read (word, *) steps
    weight = [1.0_real64, -2.0_real64, 4.0_real64]
    call torch_tensor_from_array(w, weight, requires_grad=.true.)
    call torch_tensor_from_array(loss, total)
    call config%make_optim(optim, [w])
    call config%make_schedule(schedule, optim)
    do i = 1, steps
      call optim%zero_grad()
      call torch_tensor_sum(loss, w ** 4)
      call torch_tensor_backward(loss)
      call config%clip([w])
      call optim%step()
      print '(*(es25.17))', optim%get_learning_rate(), weight
      if (config%schedule == 'plateau') then
        call schedule%step(total(1))
      else
        call schedule%step()
      end if
    end do
  end subroutine train

end program configure
