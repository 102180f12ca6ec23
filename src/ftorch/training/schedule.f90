module ftorch_schedule
  !! Schedules of the learning rate. Make one for an optimizer, then `call schedule%step()` after each step of the optimizer (or
  !! after each epoch, if that is what its arguments count). Names and defaults are those of Python's torch.optim.lr_scheduler.
  use, intrinsic :: ieee_arithmetic, only: ieee_is_finite, ieee_positive_inf, ieee_value
  use, intrinsic :: iso_fortran_env, only: real64
  use :: ftorch_arguments, only: real_or
  use :: ftorch_error, only: int_or, refuse
  use :: ftorch_optimizer_type, only: torch_optim
  use :: ftorch_schedule_rule, only: rule_cosine, rule_exponential, rule_linear, rule_multistep, rule_one_cycle, rule_plateau, &
    rule_polynomial, rule_restarts, rule_step, schedule_rule
  use :: ftorch_schedule_type, only: begin, compose, torch_schedule
  use :: ftorch_types, only: torch_error_argument
  implicit none (type, external)
  private

  public :: torch_schedule, torch_schedule_step, torch_schedule_multistep, torch_schedule_exponential, torch_schedule_linear
  public :: torch_schedule_warmup, torch_schedule_polynomial, torch_schedule_cosine, torch_schedule_cosine_restarts
  public :: torch_schedule_one_cycle, torch_schedule_plateau, torch_schedule_chained, torch_schedule_sequential

contains

  subroutine torch_schedule_step(schedule, optim, step_size, gamma, stat, errmsg)
    !! Multiplies the rate by gamma after every step_size steps.
    type(torch_schedule), intent(inout) :: schedule
    type(torch_optim), intent(in) :: optim
    integer, intent(in) :: step_size
    real(real64), optional, intent(in) :: gamma
      !! 0.1 by default
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    character(len=*), parameter :: name = 'torch_schedule_step'
    type(schedule_rule) :: rule
    rule%kind = rule_step
    rule%period = step_size
    rule%gamma = real_or(gamma, 0.1_real64)
    if (.not. count_is_good(step_size, 'step_size', name, stat, errmsg)) return
    if (.not. factor_is_good(rule%gamma, 'gamma', name, stat, errmsg)) return
    call begin(schedule, optim, rule, name, stat, errmsg)
  end subroutine torch_schedule_step

  subroutine torch_schedule_multistep(schedule, optim, milestones, gamma, stat, errmsg)
    !! Multiplies the rate by gamma after each number of steps that milestones lists.
    type(torch_schedule), intent(inout) :: schedule
    type(torch_optim), intent(in) :: optim
    integer, intent(in) :: milestones(:)
    real(real64), optional, intent(in) :: gamma
      !! 0.1 by default
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    character(len=*), parameter :: name = 'torch_schedule_multistep'
    type(schedule_rule) :: rule
    rule%kind = rule_multistep
    rule%milestones = milestones
    rule%gamma = real_or(gamma, 0.1_real64)
    if (.not. count_is_good(minval(milestones), 'milestones', name, stat, errmsg)) return
    if (.not. factor_is_good(rule%gamma, 'gamma', name, stat, errmsg)) return
    call begin(schedule, optim, rule, name, stat, errmsg)
  end subroutine torch_schedule_multistep

  subroutine torch_schedule_exponential(schedule, optim, gamma, stat, errmsg)
    !! Multiplies the rate by gamma after every step.
    type(torch_schedule), intent(inout) :: schedule
    type(torch_optim), intent(in) :: optim
    real(real64), intent(in) :: gamma
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    character(len=*), parameter :: name = 'torch_schedule_exponential'
    type(schedule_rule) :: rule
    rule%kind = rule_exponential
    rule%gamma = gamma
    if (.not. factor_is_good(gamma, 'gamma', name, stat, errmsg)) return
    call begin(schedule, optim, rule, name, stat, errmsg)
  end subroutine torch_schedule_exponential

  subroutine torch_schedule_linear(schedule, optim, start_factor, end_factor, total_iters, stat, errmsg)
    !! Goes in total_iters equal steps from start_factor times the rate to end_factor times the rate, and stays there.
    type(torch_schedule), intent(inout) :: schedule
    type(torch_optim), intent(in) :: optim
    real(real64), optional, intent(in) :: start_factor
      !! 1/3 by default
    real(real64), optional, intent(in) :: end_factor
      !! 1 by default
    integer, optional, intent(in) :: total_iters
      !! 5 by default
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call linear('torch_schedule_linear', schedule, optim, real_or(start_factor, 1.0_real64 / 3), real_or(end_factor, 1.0_real64), &
      int(int_or(total_iters, 5)), stat, errmsg)
  end subroutine torch_schedule_linear

  subroutine torch_schedule_warmup(schedule, optim, total_iters, start_factor, stat, errmsg)
    !! Raises the rate in total_iters equal steps from start_factor times the rate to the whole. Another schedule follows it by
    !! torch_schedule_sequential, or goes along with it by torch_schedule_chained.
    type(torch_schedule), intent(inout) :: schedule
    type(torch_optim), intent(in) :: optim
    integer, intent(in) :: total_iters
    real(real64), optional, intent(in) :: start_factor
      !! 1 / total_iters by default
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call linear('torch_schedule_warmup', schedule, optim, real_or(start_factor, 1.0_real64 / max(total_iters, 1)), 1.0_real64, &
      total_iters, stat, errmsg)
  end subroutine torch_schedule_warmup

  subroutine linear(name, schedule, optim, start_factor, end_factor, total_iters, stat, errmsg)
    character(len=*), intent(in) :: name
    type(torch_schedule), intent(inout) :: schedule
    type(torch_optim), intent(in) :: optim
    real(real64), intent(in) :: start_factor, end_factor
    integer, intent(in) :: total_iters
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(schedule_rule) :: rule
    rule%kind = rule_linear
    rule%period = total_iters
    rule%first = start_factor
    rule%last = end_factor
    if (.not. is_good(start_factor > 0 .and. start_factor <= 1, 'start_factor', 'a number above 0, at most 1', start_factor, name, &
      stat, errmsg)) return
    if (.not. is_good(end_factor >= 0 .and. end_factor <= 1, 'end_factor', 'a number from 0 to 1', end_factor, name, stat, &
      errmsg)) return
    if (.not. count_is_good(total_iters, 'total_iters', name, stat, errmsg)) return
    call begin(schedule, optim, rule, name, stat, errmsg)
  end subroutine linear

  subroutine torch_schedule_polynomial(schedule, optim, total_iters, power, stat, errmsg)
    !! Lowers the rate to zero within total_iters steps, as (1 - step / total_iters)**power.
    type(torch_schedule), intent(inout) :: schedule
    type(torch_optim), intent(in) :: optim
    integer, optional, intent(in) :: total_iters
      !! 5 by default
    real(real64), optional, intent(in) :: power
      !! 1 by default
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    character(len=*), parameter :: name = 'torch_schedule_polynomial'
    type(schedule_rule) :: rule
    rule%kind = rule_polynomial
    rule%period = int(int_or(total_iters, 5))
    rule%power = real_or(power, 1.0_real64)
    if (.not. count_is_good(rule%period, 'total_iters', name, stat, errmsg)) return
    if (.not. factor_is_good(rule%power, 'power', name, stat, errmsg)) return
    call begin(schedule, optim, rule, name, stat, errmsg)
  end subroutine torch_schedule_polynomial

  subroutine torch_schedule_cosine(schedule, optim, t_max, eta_min, stat, errmsg)
    !! Lowers the rate to eta_min along half a cosine of t_max steps; after that it rises again.
    type(torch_schedule), intent(inout) :: schedule
    type(torch_optim), intent(in) :: optim
    integer, intent(in) :: t_max
    real(real64), optional, intent(in) :: eta_min
      !! 0 by default
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    character(len=*), parameter :: name = 'torch_schedule_cosine'
    type(schedule_rule) :: rule
    rule%kind = rule_cosine
    rule%period = t_max
    rule%lowest = real_or(eta_min, 0.0_real64)
    if (.not. count_is_good(t_max, 't_max', name, stat, errmsg)) return
    if (.not. rate_is_good(rule%lowest, 'eta_min', name, stat, errmsg)) return
    call begin(schedule, optim, rule, name, stat, errmsg)
  end subroutine torch_schedule_cosine

  subroutine torch_schedule_cosine_restarts(schedule, optim, t_0, t_mult, eta_min, stat, errmsg)
    !! Lowers the rate to eta_min along half a cosine of t_0 steps, then starts again from the whole, each time with t_mult times
    !! as many steps.
    type(torch_schedule), intent(inout) :: schedule
    type(torch_optim), intent(in) :: optim
    integer, intent(in) :: t_0
    integer, optional, intent(in) :: t_mult
      !! 1 by default
    real(real64), optional, intent(in) :: eta_min
      !! 0 by default
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    character(len=*), parameter :: name = 'torch_schedule_cosine_restarts'
    type(schedule_rule) :: rule
    rule%kind = rule_restarts
    rule%period = t_0
    rule%factor = int(int_or(t_mult, 1))
    rule%lowest = real_or(eta_min, 0.0_real64)
    if (.not. count_is_good(t_0, 't_0', name, stat, errmsg)) return
    if (.not. count_is_good(rule%factor, 't_mult', name, stat, errmsg)) return
    if (.not. rate_is_good(rule%lowest, 'eta_min', name, stat, errmsg)) return
    call begin(schedule, optim, rule, name, stat, errmsg)
  end subroutine torch_schedule_cosine_restarts

  subroutine torch_schedule_one_cycle(schedule, optim, max_learning_rate, total_steps, pct_start, anneal_strategy, div_factor, &
    final_div_factor, three_phase, cycle_momentum, base_momentum, max_momentum, stat, errmsg)
    !! Raises the rate to its maximum and lowers it far below the start, and the momentum (beta_1 of the Adams) the other way round.
    type(torch_schedule), intent(inout) :: schedule
    type(torch_optim), intent(in) :: optim
    real(real64), intent(in) :: max_learning_rate
    integer, intent(in) :: total_steps
    real(real64), optional, intent(in) :: pct_start
      !! Part of the steps in which the rate rises, 0.3 by default
    character(len=*), optional, intent(in) :: anneal_strategy
      !! 'cos' (default) or 'linear'
    real(real64), optional, intent(in) :: div_factor
      !! The first rate is the maximum divided by this, 25 by default
    real(real64), optional, intent(in) :: final_div_factor
      !! The last rate is the first divided by this, 1e4 by default
    logical, optional, intent(in) :: three_phase
      !! Goes down as fast as it came up, and only then far below
    logical, optional, intent(in) :: cycle_momentum
      !! .true. by default: the momentum moves too; an optimizer without one needs .false.
    real(real64), optional, intent(in) :: base_momentum, max_momentum
      !! Where the momentum is at the highest rate, 0.85 by default, and at the ends, 0.95 by default
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    character(len=*), parameter :: name = 'torch_schedule_one_cycle'
    type(schedule_rule) :: rule
    real(real64) :: divisor
    divisor = real_or(div_factor, 25.0_real64)
    rule%kind = rule_one_cycle
    rule%period = total_steps
    rule%first = max_learning_rate
    rule%fraction = real_or(pct_start, 0.3_real64)
    rule%gamma = real_or(final_div_factor, 1e4_real64)
    if (present(three_phase)) rule%three_phases = three_phase
    rule%cycles_momentum = .true.
    if (present(cycle_momentum)) rule%cycles_momentum = cycle_momentum
    rule%base_momentum = real_or(base_momentum, 0.85_real64)
    rule%max_momentum = real_or(max_momentum, 0.95_real64)
    if (.not. count_is_good(total_steps, 'total_steps', name, stat, errmsg)) return
    if (.not. factor_is_good(max_learning_rate, 'max_learning_rate', name, stat, errmsg)) return
    if (.not. is_good(rule%fraction >= 0 .and. rule%fraction <= 1, 'pct_start', 'a number from 0 to 1', rule%fraction, name, stat, &
      errmsg)) return
    if (.not. factor_is_good(divisor, 'div_factor', name, stat, errmsg)) return
    if (.not. factor_is_good(rule%gamma, 'final_div_factor', name, stat, errmsg)) return
    if (.not. is_good(rule%base_momentum > 0 .and. rule%base_momentum < 1, 'base_momentum', 'a number between 0 and 1', &
      rule%base_momentum, name, stat, errmsg)) return
    if (.not. is_good(rule%max_momentum > 0 .and. rule%max_momentum < 1, 'max_momentum', 'a number between 0 and 1', &
      rule%max_momentum, name, stat, errmsg)) return
    if (.not. choice(anneal_strategy, 'cos', 'linear', 'anneal_strategy', rule%linear, name, stat, errmsg)) return
    call begin(schedule, optim, rule, name, stat, errmsg, base=max_learning_rate / divisor)
  end subroutine torch_schedule_one_cycle

  subroutine torch_schedule_plateau(schedule, optim, mode, factor, patience, threshold, threshold_mode, cooldown, &
    min_learning_rate, eps, stat, errmsg)
    !! Multiplies the rate by `factor` when a metric has not improved for more than `patience` steps: `call schedule%step(metric)`.
    type(torch_schedule), intent(inout) :: schedule
    type(torch_optim), intent(in) :: optim
    character(len=*), optional, intent(in) :: mode
      !! 'min' (default): lower is better; 'max'
    real(real64), optional, intent(in) :: factor
      !! Below 1; 0.1 by default
    integer, optional, intent(in) :: patience
      !! 10 by default
    real(real64), optional, intent(in) :: threshold
      !! By how much the metric must be better, 1e-4 by default
    character(len=*), optional, intent(in) :: threshold_mode
      !! 'rel' (default): threshold is a part of the best metric; 'abs'
    integer, optional, intent(in) :: cooldown
      !! Steps after a reduction in which nothing is counted, 0 by default
    real(real64), optional, intent(in) :: min_learning_rate
      !! 0 by default
    real(real64), optional, intent(in) :: eps
      !! Smaller reductions are not made, 1e-8 by default
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    character(len=*), parameter :: name = 'torch_schedule_plateau'
    type(schedule_rule) :: rule
    logical :: absolute
    rule%kind = rule_plateau
    rule%gamma = real_or(factor, 0.1_real64)
    rule%patience = int(int_or(patience, 10))
    rule%threshold = real_or(threshold, 1e-4_real64)
    rule%cooldown = int(int_or(cooldown, 0))
    rule%lowest = real_or(min_learning_rate, 0.0_real64)
    rule%eps = real_or(eps, 1e-8_real64)
    if (.not. choice(mode, 'min', 'max', 'mode', rule%maximize, name, stat, errmsg)) return
    if (.not. choice(threshold_mode, 'rel', 'abs', 'threshold_mode', absolute, name, stat, errmsg)) return
    if (.not. is_good(rule%gamma > 0 .and. rule%gamma < 1, 'factor', 'a number between 0 and 1', rule%gamma, name, stat, &
      errmsg)) return
    if (.not. count_is_good(rule%patience, 'patience', name, stat, errmsg, least=0)) return
    if (.not. count_is_good(rule%cooldown, 'cooldown', name, stat, errmsg, least=0)) return
    if (.not. rate_is_good(rule%threshold, 'threshold', name, stat, errmsg)) return
    if (.not. rate_is_good(rule%lowest, 'min_learning_rate', name, stat, errmsg)) return
    if (.not. rate_is_good(rule%eps, 'eps', name, stat, errmsg)) return
    rule%relative = .not. absolute
    rule%best = ieee_value(rule%best, ieee_positive_inf)
    if (rule%maximize) rule%best = -rule%best
    call begin(schedule, optim, rule, name, stat, errmsg)
  end subroutine torch_schedule_plateau

  subroutine torch_schedule_chained(schedule, schedules, stat, errmsg)
    !! All at once: their factors multiply. All belong to one optimizer, none is a plateau or a sequence.
    type(torch_schedule), intent(inout) :: schedule
    type(torch_schedule), intent(in) :: schedules(:)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call compose(schedule, schedules, 'torch_schedule_chained', stat=stat, errmsg=errmsg)
  end subroutine torch_schedule_chained

  subroutine torch_schedule_sequential(schedule, schedules, milestones, stat, errmsg)
    !! One after the other: the next one takes over at each milestone, counted in steps. All belong to one optimizer, and each is
    !! a simple one.
    type(torch_schedule), intent(inout) :: schedule
    type(torch_schedule), intent(in) :: schedules(:)
    integer, intent(in) :: milestones(:)
      !! One less than schedules
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    call compose(schedule, schedules, 'torch_schedule_sequential', milestones, stat, errmsg)
  end subroutine torch_schedule_sequential

  logical function is_good(fact, argument, expected, value, name, stat, errmsg)
    !! Refuses a number unless the fact about it holds.
    logical, intent(in) :: fact
    character(len=*), intent(in) :: argument, expected, name
    real(real64), intent(in) :: value
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    character(len=30) :: got
    is_good = fact
    if (fact) return
    write (got, '(es12.5)') value
    call refuse(torch_error_argument, name, "argument '" // argument // "': expected " // expected // ', got ' // &
      trim(adjustl(got)), stat, errmsg)
  end function is_good

  logical function count_is_good(value, argument, name, stat, errmsg, least)
    integer, intent(in) :: value
    character(len=*), intent(in) :: argument, name
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    integer, optional, intent(in) :: least
      !! 1 by default
    character(len=50) :: words
    count_is_good = value >= int_or(least, 1)
    if (count_is_good) return
    write (words, '(2(a, i0))') 'expected ', int_or(least, 1), ' or more, got ', value
    call refuse(torch_error_argument, name, "argument '" // argument // "': " // trim(words), stat, errmsg)
  end function count_is_good

  logical function factor_is_good(value, argument, name, stat, errmsg)
    real(real64), intent(in) :: value
    character(len=*), intent(in) :: argument, name
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    factor_is_good = is_good(value > 0 .and. ieee_is_finite(value), argument, 'a finite number above 0', value, name, stat, errmsg)
  end function factor_is_good

  logical function rate_is_good(value, argument, name, stat, errmsg)
    real(real64), intent(in) :: value
    character(len=*), intent(in) :: argument, name
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    rate_is_good = is_good(value >= 0 .and. ieee_is_finite(value), argument, 'a finite number not below 0', value, name, stat, &
      errmsg)
  end function rate_is_good

  logical function choice(value, first, second, argument, is_second, name, stat, errmsg)
    !! One of two words, the first by default.
    character(len=*), optional, intent(in) :: value
    character(len=*), intent(in) :: first, second, argument, name
    logical, intent(out) :: is_second
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    choice = .true.
    is_second = .false.
    if (.not. present(value)) return
    is_second = value == second
    choice = is_second .or. value == first
    if (.not. choice) call refuse(torch_error_argument, name, "argument '" // argument // "': expected '" // first // "' or '" // &
      second // "', got '" // trim(value) // "'", stat, errmsg)
  end function choice

end module ftorch_schedule
