module ftorch_schedule_rule
  !! The formulas of learning rate schedules, which are those of Python's torch.optim.lr_scheduler, in the same order of operations:
  !! most go from the rate of one step to that of the next, so that several can be chained.
  use, intrinsic :: iso_fortran_env, only: real64
  implicit none (type, external)
  private

  public :: schedule_rule, rule_size
  integer, parameter, public :: rule_step = 1, rule_multistep = 2, rule_exponential = 3, rule_linear = 4, rule_polynomial = 5, &
    rule_cosine = 6, rule_restarts = 7, rule_one_cycle = 8, rule_plateau = 9

  real(real64), parameter :: pi = 3.141592653589793_real64
  integer, parameter :: rule_size = 7
    ! Numbers that a rule remembers, apart from the base rates

  type :: schedule_rule
    integer :: kind = 0
    ! Arguments; what is used, and for what, is up to the kind
    integer :: period = 1, factor = 1, patience = 0, cooldown = 0
    integer, allocatable :: milestones(:)
    real(real64) :: gamma = 1, first = 1, last = 1, power = 1, lowest = 0, threshold = 0, eps = 0, fraction = 0
    logical :: linear = .false., three_phases = .false., maximize = .false., relative = .true.
    logical :: cycles_momentum = .false.
    real(real64) :: base_momentum = 0, max_momentum = 0
    ! What changes from step to step
    real(real64), allocatable :: base(:)  ! rates of the groups that the schedule started from
    integer :: epoch = -1
    integer :: within = 0, current_period = 1  ! of cosine_restarts
    integer :: bad = 0, cooling = 0  ! of plateau
    real(real64) :: best = 0
  contains
    procedure :: advance, restart, judge, remember, recall
    procedure :: momentum => momentum_of_one_cycle
  end type schedule_rule

contains

  pure subroutine advance(rule, rates, initial)
    !! The rates of the next step. The initial call sets those of the first.
    class(schedule_rule), intent(inout) :: rule
    real(real64), intent(inout) :: rates(:)
    logical, intent(in) :: initial
    integer :: n, k
    rule%epoch = rule%epoch + 1
    k = rule%epoch
    n = rule%period
    select case (rule%kind)
    case (rule_step)
      if (k > 0 .and. mod(k, n) == 0) rates = rates * rule%gamma
    case (rule_multistep)
      if (any(rule%milestones == k)) rates = rates * rule%gamma**count(rule%milestones == k)
    case (rule_exponential)
      if (.not. initial) rates = rates * rule%gamma
    case (rule_linear)
      if (k == 0) then
        rates = rates * rule%first
      else if (.not. initial .and. k <= n) then
        rates = rates * (1 + (rule%last - rule%first) / (n * rule%first + (k - 1) * (rule%last - rule%first)))
      end if
    case (rule_polynomial)
      if (.not. initial .and. k <= n) then
        rates = rates * ((1 - real(k, real64) / n) / (1 - real(k - 1, real64) / n))**rule%power
      end if
    case (rule_cosine)
      if (initial) return
      if (mod(k - 1 - n, 2 * n) == 0) then
        rates = rates + (rule%base - rule%lowest) * (1 - cos(pi / n)) / 2
      else
        rates = (1 + cos(pi * k / n)) / (1 + cos(pi * (k - 1) / n)) * (rates - rule%lowest) + rule%lowest
      end if
    case (rule_restarts)
      call next_of_restarts(rule)
      rates = restarts(rule)
    case (rule_one_cycle)
      rates = one_cycle(rule)
    case default
      continue  ! a plateau is judged instead
    end select
  end subroutine advance

  pure subroutine restart(rule, rates)
    !! The first rates, from the base rates: the next one of a sequence takes over.
    class(schedule_rule), intent(inout) :: rule
    real(real64), intent(inout) :: rates(:)
    rule%epoch = 0
    select case (rule%kind)
    case (rule_multistep)
      rates = rule%base * rule%gamma**count(rule%milestones <= 0)
    case (rule_linear)
      rates = rule%base * rule%first
    case (rule_restarts)
      rates = restarts(rule)
    case (rule_one_cycle)
      rates = one_cycle(rule)
    case default
      rates = rule%base
    end select
  end subroutine restart

  pure subroutine next_of_restarts(rule)
    class(schedule_rule), intent(inout) :: rule
    if (rule%epoch == 0) then
      rule%within = 0
      rule%current_period = rule%period
    else
      rule%within = rule%within + 1
      if (rule%within < rule%current_period) return
      rule%within = mod(rule%within, rule%current_period)
      rule%current_period = rule%current_period * rule%factor
    end if
  end subroutine next_of_restarts

  pure function restarts(rule) result(rates)
    class(schedule_rule), intent(in) :: rule
    real(real64) :: rates(size(rule%base))
    rates = rule%lowest + (rule%base - rule%lowest) * (1 + cos(pi * rule%within / rule%current_period)) / 2
  end function restarts

  pure function one_cycle(rule) result(rates)
    !! From base to `first` and down to `lowest` in two phases, or by way of the base in three.
    class(schedule_rule), intent(in) :: rule
    real(real64) :: rates(size(rule%base))
    real(real64) :: part
    integer :: phase, n_phases
    call locate(rule, phase, n_phases, part)
    if (phase == 1) then
      rates = between(rule%base, rule%first, part, rule%linear)
    else if (phase == n_phases) then
      rates = between(merge(rule%base, spread(rule%first, 1, size(rates)), rule%three_phases), rule%base / rule%gamma, part, &
        rule%linear)
    else
      rates = between(rule%first, rule%base, part, rule%linear)
    end if
  end function one_cycle

  pure real(real64) function momentum_of_one_cycle(rule) result(momentum)
    !! Goes down when the rate goes up, then up again, and stays there in a third phase.
    class(schedule_rule), intent(in) :: rule
    real(real64) :: part
    integer :: phase, n_phases
    call locate(rule, phase, n_phases, part)
    select case (phase)
    case (1)
      momentum = between(rule%max_momentum, rule%base_momentum, part, rule%linear)
    case (2)
      momentum = between(rule%base_momentum, rule%max_momentum, part, rule%linear)
    case default
      momentum = rule%max_momentum
    end select
  end function momentum_of_one_cycle

  pure subroutine locate(rule, phase, n_phases, part)
    !! Where in its cycle a rule is: the phase, and how much of it is over.
    class(schedule_rule), intent(in) :: rule
    integer, intent(out) :: phase, n_phases
    real(real64), intent(out) :: part
    real(real64) :: ends(3), start
    ends = [rule%fraction * rule%period - 1, real(rule%period - 1, real64), real(rule%period - 1, real64)]
    n_phases = 2
    if (rule%three_phases) then
      ends(2) = 2 * rule%fraction * rule%period - 2
      n_phases = 3
    end if
    start = 0
    do phase = 1, n_phases
      if (rule%epoch <= ends(phase) .or. phase == n_phases) exit
      start = ends(phase)
    end do
    part = (rule%epoch - start) / (ends(phase) - start)
  end subroutine locate

  elemental real(real64) function between(from, to, part, linear)
    real(real64), intent(in) :: from, to, part
    logical, intent(in) :: linear
    if (linear) then
      between = (to - from) * part + from
    else
      between = to + (from - to) / 2 * (cos(pi * part) + 1)
    end if
  end function between

  pure subroutine judge(rule, rates, metric)
    !! Plateau: lowers the rates when the metric has not improved for longer than `patience`.
    class(schedule_rule), intent(inout) :: rule
    real(real64), intent(inout) :: rates(:)
    real(real64), intent(in) :: metric
    real(real64) :: bar, sign_of
    rule%epoch = rule%epoch + 1
    sign_of = merge(1.0_real64, -1.0_real64, rule%maximize)
    bar = rule%best + sign_of * rule%threshold
    if (rule%relative) bar = rule%best * (1 + sign_of * rule%threshold)
    if (sign_of * metric > sign_of * bar) then
      rule%best = metric
      rule%bad = 0
    else
      rule%bad = rule%bad + 1
    end if
    if (rule%cooling > 0) then
      rule%cooling = rule%cooling - 1
      rule%bad = 0
    end if
    if (rule%bad > rule%patience) then
      where (rates - max(rates * rule%gamma, rule%lowest) > rule%eps) rates = max(rates * rule%gamma, rule%lowest)
      rule%cooling = rule%cooldown
      rule%bad = 0
    end if
  end subroutine judge

  pure function remember(rule) result(values)
    !! All that changes from step to step.
    class(schedule_rule), intent(in) :: rule
    real(real64) :: values(rule_size + size(rule%base))
    values = [real([rule%kind, rule%epoch, rule%within, rule%current_period, rule%bad, rule%cooling], real64), rule%best, rule%base]
  end function remember

  pure subroutine recall(rule, values)
    class(schedule_rule), intent(inout) :: rule
    real(real64), intent(in) :: values(:)
    rule%epoch = nint(values(2))
    rule%within = nint(values(3))
    rule%current_period = nint(values(4))
    rule%bad = nint(values(5))
    rule%cooling = nint(values(6))
    rule%best = values(7)
    rule%base = values(8:)
  end subroutine recall

end module ftorch_schedule_rule
