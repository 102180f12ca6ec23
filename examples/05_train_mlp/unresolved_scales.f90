!> What the programs share: samples of the tendency that the model cannot resolve, and the judgement of a network of it.
module unresolved_scales
   use, intrinsic :: iso_fortran_env, only: error_unit, real32, real64
   use ftorch
   use lorenz96, only: advance, n_fast, n_slow, start, unresolved
   implicit none (type, external)
   private

   public :: argument, begin, judge, read_run, remember, write_history
   integer, parameter, public :: n_inputs = 5    ! a slow variable and two neighbours on each side
   integer, parameter :: n_recent = 512          ! time steps whose samples are kept
   integer, parameter, public :: n_samples = n_recent * n_slow

contains

   !> The model finds its climate, and the first samples are remembered.
   subroutine begin(slow, fast, x, y, skip)
      real(real64), intent(out) :: slow(n_slow), fast(n_fast * n_slow)
      real(real32), intent(inout) :: x(n_inputs, n_samples), y(1, n_samples)
      integer, optional, intent(in) :: skip      ! time steps before: another stretch of the same climate
      integer :: step
      call start(slow, fast)
      if (present(skip)) then
         do step = 1, skip
            call advance(slow, fast)
         end do
      end if
      do step = 1, 4 * n_recent
         call advance(slow, fast)
         call remember(step, slow, fast, x, y)
      end do
   end subroutine begin

   !> Puts the samples of a time step where the oldest were.
   subroutine remember(step, slow, fast, x, y)
      integer, intent(in) :: step
      real(real64), intent(in) :: slow(n_slow), fast(n_fast * n_slow)
      real(real32), intent(inout) :: x(n_inputs, n_samples), y(1, n_samples)
      integer :: first
      first = modulo(step - 1, n_recent) * n_slow + 1
      call samples(slow, fast, x(:, first:first + n_slow - 1), y(:, first:first + n_slow - 1))
   end subroutine remember

   pure subroutine samples(slow, fast, x, y)
      real(real64), intent(in) :: slow(n_slow), fast(n_fast * n_slow)
      real(real32), intent(out) :: x(n_inputs, n_slow), y(1, n_slow)
      integer :: k
      do k = 1, n_inputs
         x(k, :) = real(cshift(slow, k - 3), real32)
      end do
      y(1, :) = real(unresolved(fast), real32)
   end subroutine samples

   !> Does the network know what the fast variables do, in a stretch of time that it has not seen?
   subroutine judge(model, slow, fast)
      type(torch_model), intent(in) :: model
      real(real64), intent(inout) :: slow(n_slow), fast(n_fast * n_slow)
      integer, parameter :: n_unseen = 4000
      real(real32), target :: x(n_inputs, n_slow), y(1, n_slow), predicted(1, n_slow)
      real(real64) :: squares, total, total_squares, variance, explained
      integer :: step
      squares = 0
      total = 0
      total_squares = 0
      do step = 1, n_unseen
         call advance(slow, fast)
         call samples(slow, fast, x, y)
         call model%infer(x, predicted, permute_dims=[2, 1], output_permute_dims=[2, 1])
         squares = squares + sum(real(predicted - y, real64) ** 2)
         total = total + sum(real(y, real64))
         total_squares = total_squares + sum(real(y, real64) ** 2)
      end do
      variance = total_squares / (n_unseen * n_slow) - (total / (n_unseen * n_slow)) ** 2
      explained = 1 - squares / (n_unseen * n_slow) / variance
      print '(a, f5.1, a)', 'the network explains ', 100 * explained, ' % of the variance of the unresolved tendency'
      if (.not. explained > 0.85_real64) error stop 'the network has not learned: less than 85 %'
   end subroutine judge

   subroutine write_history(filename, history)
      character(len=*), intent(in) :: filename
      real(real64), intent(in) :: history(:)
      integer :: unit, step
      open (newunit=unit, file=filename, action='write', status='replace')
      write (unit, '(a)') 'step,loss'
      write (unit, '(i0, a, es23.16)') (step, ',', history(step), step=1, size(history))
      close (unit)
   end subroutine write_history

   !> The group &run of the namelist file is the program's own.
   subroutine read_run(n_steps, checkpoint_every, stop_after)
      integer, intent(out) :: n_steps, checkpoint_every, stop_after
      integer :: unit, status
      character(len=200) :: message
      character(len=:), allocatable :: word
      namelist /run/ n_steps, checkpoint_every
      if (command_argument_count() < 2) error stop 'expected a network and a namelist file as arguments'
      n_steps = 6000
      checkpoint_every = 500
      open (newunit=unit, file=argument(2), status='old', action='read', iostat=status, iomsg=message)
      if (status == 0) read (unit, nml=run, iostat=status, iomsg=message)
      if (status /= 0) then
         write (error_unit, '(4a)') 'train_mlp: ', argument(2), ': ', trim(message)
         stop 1, quiet=.true.
      end if
      close (unit)
      stop_after = 0
      word = argument(3)
      if (len(word) > 0) read (word, *) stop_after
   end subroutine read_run

   function argument(number)
      integer, intent(in) :: number
      character(len=:), allocatable :: argument
      integer :: length
      call get_command_argument(number, length=length)
      allocate (character(len=length) :: argument)
      call get_command_argument(number, argument)
   end function argument

end module unresolved_scales
