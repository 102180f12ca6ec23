module ftorch_schedule_type
  !! The schedule: one rule, or several at once or after each other, and the optimizer whose learning rates they set.
  use, intrinsic :: iso_c_binding, only: c_int32_t
  use, intrinsic :: iso_fortran_env, only: real64
  use :: ftorch_capi, only: ctorch_optim_same
  use :: ftorch_error, only: refuse, check_status
  use :: ftorch_optimizer_type, only: base_learning_rate, get_rates, set_base_learning_rate, set_momentum, set_rates, torch_optim
  use :: ftorch_schedule_rule, only: rule_one_cycle, rule_plateau, rule_size, schedule_rule
  use :: ftorch_text, only: text
  use :: ftorch_types, only: torch_error_argument, torch_error_handle
  implicit none (type, external)
  private

  public :: torch_schedule, begin, compose

  integer, parameter :: single = 1, chained = 2, sequential = 3
  integer, parameter :: head_size = 4
    ! Numbers of a saved state before those of the rules

  type :: torch_schedule
    !! A schedule of an optimizer's learning rates. Assignment makes a second one, of the same optimizer, that counts for itself.
    private
    type(torch_optim) :: optim
    integer :: mode = 0
    type(schedule_rule), allocatable :: rules(:)
    integer, allocatable :: milestones(:)
    integer :: epoch = 0
  contains
    procedure :: step => advance_schedule
    procedure :: get_state
    procedure :: set_state
    procedure :: check_state
    procedure, private :: assign
    generic :: assignment(=) => assign
  end type torch_schedule

contains

  impure elemental subroutine assign(left, right)
    ! Component by component: gfortran 12 would copy the optimizer's handle instead of sharing it.
    class(torch_schedule), intent(inout) :: left
    class(torch_schedule), intent(in) :: right
    left%optim = right%optim
    left%mode = right%mode
    left%epoch = right%epoch
    if (allocated(right%rules)) left%rules = right%rules
    if (allocated(right%milestones)) left%milestones = right%milestones
  end subroutine assign

  subroutine begin(schedule, optim, rule, name, stat, errmsg, base)
    !! Makes a schedule of one rule and sets the first rates.
    type(torch_schedule), intent(inout) :: schedule
    type(torch_optim), intent(in) :: optim
    type(schedule_rule), intent(inout) :: rule
    character(len=*), intent(in) :: name
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real64), optional, intent(in) :: base
      !! Replaces the rate that schedules of this optimizer start from
    real(real64), allocatable :: rates(:)
    integer(c_int32_t) :: status
    integer :: i
    call get_rates(optim, rates, status)
    if (status == 0 .and. rule%cycles_momentum) call set_momentum(optim, rule%max_momentum, status)
    if (status == 0) allocate (rule%base(size(rates)))
    do i = 1, size(rates)
      if (present(base) .and. status == 0) call set_base_learning_rate(optim, i, base, status)
      if (status == 0) call base_learning_rate(optim, i, rule%base(i), status)
    end do
    if (status == 0 .and. rule%kind /= rule_plateau) then
      call rule%advance(rates, initial=.true.)
      call set_rates(optim, rates, status)
    else
      rule%epoch = 0
    end if
    call check_status(status, name, stat, errmsg)
    if (status /= 0) return
    schedule%optim = optim
    schedule%mode = single
    schedule%rules = [rule]
    schedule%milestones = [integer ::]
    schedule%epoch = 0
  end subroutine begin

  subroutine compose(schedule, schedules, name, milestones, stat, errmsg)
    !! Makes a schedule of several, at once or, with milestones, after each other.
    type(torch_schedule), intent(inout) :: schedule
    type(torch_schedule), intent(in) :: schedules(:)
    character(len=*), intent(in) :: name
    integer, optional, intent(in) :: milestones(:)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(schedule_rule), allocatable :: rules(:)
    integer(c_int32_t) :: status
    character(len=:), allocatable :: reason
    real(real64), allocatable :: rates(:)
    integer :: i
    call check_parts(schedules, milestones, reason)
    if (reason /= '') then
      call refuse(torch_error_argument, name, reason, stat, errmsg)
      return
    end if
    allocate (rules(0))
    do i = 1, size(schedules)
      rules = [rules, schedules(i)%rules]
    end do
    status = 0
    if (present(milestones)) then  ! back to the rates before the parts were made, and the first part begins
      allocate (rates(size(rules(1)%base)))
      do i = 1, size(rates)
        if (status == 0) call base_learning_rate(schedules(1)%optim, i, rates(i), status)
      end do
      rules%epoch = rules%epoch - 1
      call rules(1)%advance(rates, initial=.true.)
      if (status == 0) call set_rates(schedules(1)%optim, rates, status)
    end if
    call check_status(status, name, stat, errmsg)
    if (status /= 0) return
    schedule%optim = schedules(1)%optim
    schedule%mode = chained
    schedule%milestones = [integer ::]
    schedule%rules = rules
    schedule%epoch = 0
    if (.not. present(milestones)) return
    schedule%mode = sequential
    schedule%milestones = milestones
  end subroutine compose

  subroutine check_parts(schedules, milestones, reason)
    !! Says why schedules cannot be put together; empty if they can.
    type(torch_schedule), intent(in) :: schedules(:)
    integer, optional, intent(in) :: milestones(:)
    character(len=:), allocatable, intent(out) :: reason
    integer(c_int32_t) :: same, status
    integer :: i
    reason = ''
    if (size(schedules) == 0) reason = "argument 'schedules': expected at least one, got none"
    do i = 1, size(schedules)
      if (schedules(i)%mode == 0) then
        reason = 'schedule ' // text(i) // ' is not initialised'
        return
      end if
      status = ctorch_optim_same(schedules(1)%optim%p, schedules(i)%optim%p, same)
      if (status /= 0) same = 0
      if (same == 0) reason = 'schedule ' // text(i) // ' belongs to another optimizer than the first'
      if (schedules(i)%rules(1)%kind == rule_plateau) then
        reason = 'schedule ' // text(i) // ' is a plateau, whose steps need a metric; step it by itself'
      else if (schedules(i)%mode == sequential .or. (present(milestones) .and. schedules(i)%mode /= single)) then
        reason = 'schedule ' // text(i) // ' is itself made of several; expected a simple one'
      end if
    end do
    if (.not. present(milestones) .or. reason /= '') return
    if (size(milestones) /= size(schedules) - 1) then
      reason = "argument 'milestones': expected " // text(size(schedules) - 1) // ', one less than schedules, got ' // &
        text(size(milestones))
    else if (any(milestones < 1) .or. any(milestones(2:) <= milestones(:size(milestones) - 1))) then
      reason = "argument 'milestones': expected growing numbers of steps, 1 or more"
    end if
  end subroutine check_parts

  subroutine advance_schedule(self, metric, stat, errmsg)
    !! Sets the learning rates of the next step.
    class(torch_schedule), intent(inout) :: self
    real(real64), optional, intent(in) :: metric
      !! What a plateau watches, a validation loss for instance; others take none
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    character(len=*), parameter :: name = 'step of torch_schedule'
    type(schedule_rule), allocatable :: rules(:)
    real(real64), allocatable :: rates(:)
    character(len=:), allocatable :: reason
    integer(c_int32_t) :: status
    integer :: i, epoch, turn
    if (self%mode == 0) then
      call refuse(torch_error_handle, name, 'the schedule is not initialised', stat, errmsg)
      return
    end if
    if (present(metric) .neqv. self%rules(1)%kind == rule_plateau) then
      reason = 'a plateau needs its metric: call schedule%step(metric)'
      if (present(metric)) reason = 'this schedule takes no metric; only torch_schedule_plateau does'
      call refuse(torch_error_argument, name, reason, stat, errmsg)
      return
    end if
    call get_rates(self%optim, rates, status)
    if (status == 0 .and. size(rates) /= size(self%rules(1)%base)) then
      call refuse(torch_error_argument, name, 'the schedule was made for ' // text(size(self%rules(1)%base)) // &
        ' groups of parameters, the optimizer has ' // text(size(rates)) // '; add groups before making schedules', stat, errmsg)
      return
    end if
    rules = self%rules
    epoch = self%epoch + 1
    if (any(rules%kind == rule_one_cycle .and. rules%epoch >= rules%period)) then
      call refuse(torch_error_argument, name, 'the cycle of ' // text(maxval(rules%period, mask=rules%kind == rule_one_cycle)) // &
        ' steps is over', stat, errmsg)
      return
    end if
    turn = 1 + count(self%milestones <= epoch)  ! whose it is in a sequence
    if (present(metric)) then
      call rules(1)%judge(rates, metric)
    else if (self%mode == sequential) then
      if (any(self%milestones == epoch)) then
        call rules(turn)%restart(rates)
      else
        call rules(turn)%advance(rates, initial=.false.)
      end if
    else
      do i = 1, size(rules)
        call rules(i)%advance(rates, initial=.false.)
      end do
    end if
    do i = 1, size(rules)
      if (self%mode == sequential .and. i /= turn) cycle
      if (status == 0 .and. rules(i)%cycles_momentum) call set_momentum(self%optim, rules(i)%momentum(), status)
    end do
    if (status == 0) call set_rates(self%optim, rates, status)
    call check_status(status, name, stat, errmsg)
    if (status /= 0) return
    call move_alloc(rules, self%rules)
    self%epoch = epoch
  end subroutine advance_schedule

  subroutine get_state(self, values, stat, errmsg)
    !! All that changes from step to step, for checkpoints. Learning rates are in the optimizer's own state.
    class(torch_schedule), intent(in) :: self
    real(real64), allocatable, intent(out) :: values(:)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    integer :: i
    if (present(stat)) stat = 0
    if (self%mode == 0) then
      call refuse(torch_error_handle, 'get_state of torch_schedule', 'the schedule is not initialised', stat, errmsg)
      return
    end if
    values = real([self%mode, self%epoch, size(self%rules), size(self%rules(1)%base)], real64)
    do i = 1, size(self%rules)
      values = [values, self%rules(i)%remember()]
    end do
  end subroutine get_state

  subroutine set_state(self, values, stat, errmsg)
    !! Goes on where the schedule was that gave the values: one made in the same way.
    class(torch_schedule), intent(inout) :: self
    real(real64), intent(in) :: values(:)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    integer :: i, width, found
    call self%check_state(values, found, errmsg)
    if (present(stat)) stat = found
    if (found /= 0) then
      if (.not. present(stat)) call self%check_state(values)  ! once more, to stop
      return
    end if
    width = rule_size + size(self%rules(1)%base)
    self%epoch = nint(values(2))
    do i = 1, size(self%rules)
      call self%rules(i)%recall(values(head_size + (i - 1) * width + 1:head_size + i * width))
    end do
  end subroutine set_state

  subroutine check_state(self, values, stat, errmsg)
    !! Whether set_state would take the values; changes nothing.
    class(torch_schedule), intent(in) :: self
    real(real64), intent(in) :: values(:)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    character(len=*), parameter :: name = 'set_state of torch_schedule'
    real(real64), allocatable :: own(:)
    integer :: width
    logical :: alike
    if (present(stat)) stat = 0
    if (self%mode == 0) then
      call refuse(torch_error_handle, name, 'the schedule is not initialised; make it as it was when its state was saved', stat, &
        errmsg)
      return
    end if
    call self%get_state(own)
    width = rule_size + size(self%rules(1)%base)
    alike = size(values) == size(own)
    if (alike) alike = all(nint(own([1, 3, 4])) == nint(values([1, 3, 4]))) .and. &
      all(nint(own(head_size + 1::width)) == nint(values(head_size + 1::width)))
    if (.not. alike) call refuse(torch_error_argument, name, 'the ' // text(size(values)) // &
      ' numbers belong to another kind of schedule', stat, errmsg)
  end subroutine check_state

end module ftorch_schedule_type
