module heating
   ! The network that heats the columns, and where it is computed.
   use, intrinsic :: iso_fortran_env, only: real64
   use ftorch
   use ftorch_mpi
   use mpi_f08, only: MPI_Comm
   implicit none (type, external)
   private
   public :: heating_start, heating_of, heating_serve, heating_end, heating_waiting

   type(torch_model) :: network
   type(torch_column_pool) :: pool
   logical :: alone

contains

   subroutine heating_start(mode, file, world, is_server)
      ! Collective over all ranks, those that only serve too.
      !   local    every rank computes its own columns
      !   pool     one rank of each machine, or of each device, computes all
      !   hybrid   it computes three quarters of them, and each rank the rest
      !   servers  ranks compute that do nothing else
      character(len=*), intent(in) :: mode, file
      type(MPI_Comm), intent(in) :: world
      logical, intent(in) :: is_server
      call torch_mpi_share_cores(world)
      call torch_mpi_model_load(network, file, world)
      alone = mode == 'local'
      select case (mode)
      case ('local')
      case ('pool')
         call torch_column_pool_create(pool, network, world)
      case ('hybrid')
         call torch_column_pool_create(pool, network, world, local_share=0.25_real64)
      case ('servers')
         call torch_column_pool_create(pool, network, world, owner=is_server)
      case default
         error stop 'mode is none of local, pool, hybrid, servers'
      end select
   end subroutine heating_start

   subroutine heating_of(temperature, humidity, heat)
      ! K/day of columns (level, column). The host's numbers are real64, the network's real32.
      real(real64), intent(in), target :: temperature(:, :), humidity(:, :)
      real(real64), intent(inout), target :: heat(:, :)
      type(torch_array) :: inputs(2), outputs(1)
      inputs = [torch_array(temperature, [2, 1]), torch_array(humidity, [2, 1])]
      outputs = [torch_array(heat, [2, 1])]
      if (alone) then
         call torch_model_infer_arrays(network, inputs, outputs, convert=.true.)
      else
         call pool%infer_arrays(inputs, outputs, convert=.true.)
      end if
   end subroutine heating_of

   subroutine heating_serve()
      ! Returns when the ranks that have columns call heating_end.
      call pool%serve()
   end subroutine heating_serve

   real(real64) function heating_waiting()
      ! Seconds in which this rank waited for others.
      heating_waiting = 0
      if (.not. alone) call pool%stats(waiting=heating_waiting)
   end function heating_waiting

   subroutine heating_end()
      call torch_delete(pool)
      call torch_delete(network)
   end subroutine heating_end

end module heating
