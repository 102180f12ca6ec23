module ftorch_report
  !! How a training goes: steps per second, loss, learning rate. Nothing is printed unless the program asks for it.
  use, intrinsic :: iso_fortran_env, only: int64, output_unit, real32, real64
  use :: ftorch_elements, only: torch_tensor_item
  use :: ftorch_error, only: refuse
  use :: ftorch_optimizer_type, only: torch_optim
  use :: ftorch_tensor_type, only: torch_tensor
  use :: ftorch_text, only: text
  use :: ftorch_types, only: torch_error_argument
  implicit none (type, external)
  private

  public :: torch_report

  type :: torch_report
    !! Counts steps and adds up their losses:
    !!
    !!     call report%add(loss, optim)
    !!     call report%print(every=100)     ! step 100: loss 2.31E-02, learning rate 1.00E-03, 2150 steps/s
    integer :: step = 0
      !! Steps so far; may be set when a run is resumed
    real(real64) :: loss = 0
      !! Of the last step
    real(real64) :: learning_rate = -1
      !! Of the last step; negative if it was never given
    integer, private :: since = 0                ! steps since the last line
    integer, private :: timed = 0                ! of them, those whose duration is known
    real(real64), private :: total = 0           ! of their losses
    integer(int64), private :: clock = 0
  contains
    procedure, private :: add_tensor, add_real32, add_real64
    generic :: add => add_tensor, add_real32, add_real64
    procedure :: mean_loss
    procedure :: steps_per_second
    procedure :: line
    procedure :: print => print_line
  end type torch_report

contains

  subroutine add_tensor(self, loss, optim, stat, errmsg)
    !! Counts a step, by its loss in a tensor of one element.
    class(torch_report), intent(inout) :: self
    type(torch_tensor), intent(in) :: loss
    type(torch_optim), optional, intent(in) :: optim
      !! Tells the learning rate
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    real(real64) :: value
    integer :: status
    character(len=1000) :: message
    status = 0
    message = ''
    value = 0
    call torch_tensor_item(loss, value, stat=status, errmsg=message)
    if (status /= 0) then
      call refuse(status, 'torch_report%add', trim(message), stat, errmsg)
      return
    end if
    call add_real64(self, value, optim)
    if (present(stat)) stat = 0
  end subroutine add_tensor

  subroutine add_real32(self, loss, optim)
    class(torch_report), intent(inout) :: self
    real(real32), intent(in) :: loss
    type(torch_optim), optional, intent(in) :: optim
    call add_real64(self, real(loss, real64), optim)
  end subroutine add_real32

  subroutine add_real64(self, loss, optim)
    class(torch_report), intent(inout) :: self
    real(real64), intent(in) :: loss
    type(torch_optim), optional, intent(in) :: optim
    if (self%clock == 0) then  ! how long the first step took is not known
      call system_clock(self%clock)
    else
      self%timed = self%timed + 1
    end if
    if (present(optim)) self%learning_rate = optim%get_learning_rate()
    self%step = self%step + 1
    self%since = self%since + 1
    self%loss = loss
    self%total = self%total + loss
  end subroutine add_real64

  pure real(real64) function mean_loss(self)
    !! Mean over the steps since the last line.
    class(torch_report), intent(in) :: self
    mean_loss = self%total / max(self%since, 1)
  end function mean_loss

  real(real64) function steps_per_second(self)
    !! By the wall clock, since the last line, or since the first step was counted.
    class(torch_report), intent(in) :: self
    integer(int64) :: now, rate
    call system_clock(now, rate)
    steps_per_second = self%timed * real(rate, real64) / real(max(now - self%clock, 1_int64), real64)
  end function steps_per_second

  function line(self)
    !! What there is to say, in a line; then the counting of means and speed begins anew.
    class(torch_report), intent(inout) :: self
    character(len=:), allocatable :: line
    call take_line(self, line)
  end function line

  subroutine take_line(self, line)
    class(torch_report), intent(inout) :: self
    character(len=:), allocatable, intent(out) :: line
    character(len=11) :: number
    write (number, '(es11.3)') self%mean_loss()
    line = 'step ' // text(self%step) // ': loss ' // trim(adjustl(number))
    if (self%learning_rate >= 0) then
      write (number, '(es11.3)') self%learning_rate
      line = line // ', learning rate ' // trim(adjustl(number))
    end if
    line = line // ', ' // text(nint(self%steps_per_second(), int64)) // ' steps/s'
    self%since = 0
    self%timed = 0
    self%total = 0
    call system_clock(self%clock)
  end subroutine take_line

  subroutine print_line(self, every, unit, stat, errmsg)
    !! Writes the line, with `every` only after each so many steps.
    class(torch_report), intent(inout) :: self
    integer, optional, intent(in) :: every
    integer, optional, intent(in) :: unit
      !! Standard output unless given
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    integer :: to, status
    character(len=:), allocatable :: said
    if (present(stat)) stat = 0
    if (present(every)) then
      if (every < 1) then
        call refuse(torch_error_argument, 'torch_report%print', "argument 'every': expected 1 or more, got " // text(every), stat, &
          errmsg)
        return
      end if
      if (mod(self%step, every) /= 0) return
    end if
    to = output_unit
    if (present(unit)) to = unit
    call take_line(self, said)
    write (to, '(a)', iostat=status) said
    if (status /= 0) call refuse(torch_error_argument, 'torch_report%print', "argument 'unit': cannot write to unit " // &
      text(to), stat, errmsg)
  end subroutine print_line

end module ftorch_report
