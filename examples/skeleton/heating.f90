!> The heating of the columns, by a scheme, a network, or both. All that the host knows of networks is in this module.
!>
!> What fails is told by `stat` and `errmsg`, and leaves the scheme in charge: the host decides whether it goes on.
module heating
   use, intrinsic :: iso_fortran_env, only: real64
   use ftorch, only: torch_array, torch_delete, torch_get_num_threads, torch_library_version, torch_model, &
      torch_model_infer_arrays, torch_model_input_names, torch_model_load, torch_model_output_names, torch_model_self_test, &
      torch_version
   use scheme, only: scheme_heating
   implicit none (type, external)
   private
   public :: heating_init, heating_options, heating_run, heating_finalize

   !> What the namelist of the host says.
   type :: heating_options
      character(len=16) :: source = 'scheme'   !< 'network', or 'both': the scheme heats, the network is compared with it
      character(len=256) :: network = ''       !< the model file
      character(len=64) :: sha256 = ''         !< its sum: any other file is refused
   end type heating_options

   real(real64), parameter :: tolerance = 1e-3_real64   !< K/day by which this machine may differ from the one of the export
   type(torch_model) :: network
   character(len=16) :: source = 'scheme'

contains

   !> Once, before the first step. `log` is a line for the log of the run.
   subroutine heating_init(options, levels, log, stat, errmsg)
      type(heating_options), intent(in) :: options
      integer, intent(in) :: levels
      character(len=*), intent(out) :: log
      integer, intent(out) :: stat
      character(len=*), intent(inout) :: errmsg
      source = 'scheme'
      log = 'heating by the scheme'
      stat = 0
      select case (options%source)
      case ('scheme')
      case ('network', 'both')
         call load(options, levels, log, stat, errmsg)
         if (stat /= 0) call torch_delete(network)
         if (stat == 0) source = options%source
      case default
         call fail("source is none of 'scheme', 'network', 'both': "//options%source, stat, errmsg)
      end select
   end subroutine heating_init

   !> Everything that can be wrong with a network is found here, before the first step.
   subroutine load(options, levels, log, stat, errmsg)
      type(heating_options), intent(in) :: options
      integer, intent(in) :: levels
      character(len=*), intent(inout) :: log
      integer, intent(out) :: stat
      character(len=*), intent(inout) :: errmsg
      character(len=:), allocatable :: inputs(:), outputs(:)
      real(real64), target :: temperature(levels, 1), heat(levels, 1)
      real(real64) :: difference
      if (options%sha256 == '') then
         call fail('no sum of the network is given: sha256sum '//trim(options%network), stat, errmsg)
         return
      end if
      call torch_model_load(network, trim(options%network), sha256=options%sha256, stat=stat, errmsg=errmsg)
      if (stat == 0) call torch_model_self_test(network, difference, stat=stat, errmsg=errmsg)
      if (stat == 0) call torch_model_input_names(network, inputs, stat=stat, errmsg=errmsg)
      if (stat == 0) call torch_model_output_names(network, outputs, stat=stat, errmsg=errmsg)
      if (stat /= 0) return
      if (difference > tolerance) then
         call fail('the network does not give its own sample on this machine', stat, errmsg)
      else if (size(inputs) /= 1 .or. size(outputs) /= 1 .or. any(inputs /= 'temperature') .or. any(outputs /= 'heating')) then
         call fail('the network is not one that makes heating of temperature', stat, errmsg)
      else
         temperature = 250
         call run_network(temperature, heat, stat, errmsg)   ! tells whether it has these levels
      end if
      if (stat /= 0) return
      write (log, '(6a, es8.1, 5a, i0)') 'heating by ', trim(options%source), ': ', trim(options%network), ', sha256 ', &
         options%sha256, difference, ' K/day from its sample; library ', torch_library_version(), ', PyTorch ', torch_version(), &
         ', threads ', torch_get_num_threads()
   end subroutine load

   !> K/day for K, both (level, column). Threads may call it at the same time, each for its own columns.
   subroutine heating_run(temperature, heat, difference, stat, errmsg)
      real(real64), intent(in), target :: temperature(:, :)
      real(real64), intent(out), target :: heat(:, :)
      real(real64), intent(out), target :: difference(:, :)   !< network minus scheme where both are asked for, otherwise zero
      integer, intent(out) :: stat
      character(len=*), intent(inout) :: errmsg
      stat = 0
      difference = 0
      if (source == 'network') then
         call run_network(temperature, heat, stat, errmsg)
         if (stat == 0) return
      end if
      call scheme_heating(temperature, heat)
      if (source == 'both') then
         call run_network(temperature, difference, stat, errmsg)
         difference = merge(difference - heat, 0.0_real64, stat == 0)
      end if
   end subroutine heating_run

   !> Anything but numbers is a failure too.
   subroutine run_network(temperature, heat, stat, errmsg)
      real(real64), intent(in), target :: temperature(:, :)
      real(real64), intent(inout), target :: heat(:, :)
      integer, intent(out) :: stat
      character(len=*), intent(inout) :: errmsg
      call torch_model_infer_arrays(network, [torch_array(temperature, permute_dims=[2, 1])], &
                                    [torch_array(heat, permute_dims=[2, 1])], convert=.true., stat=stat, errmsg=errmsg)
      if (stat /= 0) return
      if (.not. all(abs(heat) < huge(heat))) call fail('the network gives something that is no number', stat, errmsg)
   end subroutine run_network

   subroutine heating_finalize()
      if (source /= 'scheme') call torch_delete(network)   ! a run by the scheme never calls the library
      source = 'scheme'
   end subroutine heating_finalize

   subroutine fail(message, stat, errmsg)
      character(len=*), intent(in) :: message
      integer, intent(out) :: stat
      character(len=*), intent(inout) :: errmsg
      stat = 1
      errmsg = 'heating: '//message
   end subroutine fail

end module heating
