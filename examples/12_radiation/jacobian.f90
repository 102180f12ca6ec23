!> Which layer moves which flux: `radiation_jacobian run.nml`.
!>
!> Derivatives of a network by autograd, and of the solver by differences, in the columns of a file that the host wrote: a record
!> for each. The network is a TorchScript file, because a compiled package has no derivatives.
program jacobian
   use, intrinsic :: iso_fortran_env, only: error_unit, real32, real64
   use column, only: half_levels
   use ftorch
   use history, only: history_file, read_last
   use spectrum, only: prepare
   use twostream, only: fluxes, radiate
   implicit none (type, external)

   character(len=256) :: network = '', start = '', output = 'jacobian.nc'
   integer :: levels = 40, columns = 12               !< of the file
   namelist /run/ network, start, output, levels, columns

   real(real64), allocatable :: half(:), all_layers(:, :, :), all_ends(:, :)
   real(real64), allocatable :: layers(:, :), ends(:)                  ! of one column
   character(len=*), parameter :: layer_names(6) = [character(len=9) :: 't', 'vapour', 'ozone', 'cloud', 'pressure', 'thickness']
   character(len=*), parameter :: end_names(5) = [character(len=13) :: 'ground', 'albedo', 'height_of_sun', 'sun', 'co2']
   type(history_file) :: out

   call read_namelist()
   call prepare()
   call read_columns()
   call out%create(trim(output), 'Derivatives of fluxes')
   call out%axis('half', 'Pa', half)
   call out%axis('level', 'Pa', all_layers(:, 1, 5))
   call describe('network_')
   call describe('solver_')
   call find_derivatives()
   call out%close()

contains

   subroutine describe(whose)
      character(len=*), intent(in) :: whose
      character(len=5), parameter :: axes(2) = [character(len=5) :: 'half', 'level']
      call out%variable(whose//'long_down', 'W m-2 K-1', 'downward longwave by temperature', axes)
      call out%variable(whose//'long_up', 'W m-2 K-1', 'upward longwave by temperature', axes)
      call out%variable(whose//'direct', 'W m-2', 'direct beam by the logarithm of vapour', axes)
   end subroutine describe

   subroutine read_columns()
      integer :: i
      half = half_levels(levels, 1.0_real64)
      allocate (all_layers(levels, columns, 6), all_ends(columns, 5))
      do i = 1, 6
         call read_last(trim(start), trim(layer_names(i)), all_layers(:, :, i))
      end do
      do i = 1, 5
         call read_last(trim(start), trim(end_names(i)), all_ends(:, i))
      end do
   end subroutine read_columns

   subroutine find_derivatives()
      type(torch_model) :: model
      integer :: i
      call torch_model_load(model, trim(network))
      do i = 1, columns
         layers = all_layers(:, i, :)
         ends = all_ends(i, :)
         call out%record(0.0_real64)
         call of_network(model)
         call of_solver()
      end do
   end subroutine find_derivatives

   subroutine of_network(model)
      type(torch_model), intent(in) :: model
      type(torch_tensor) :: inputs(11), fluxes_of(5)
      real(real32), target :: layer_data(levels, 1, 6), end_data(1, 5)
      real(real64) :: by_vapour(levels + 1, levels)
      integer :: i
      layer_data(:, 1, :) = real(layers, real32)
      end_data(1, :) = real(ends, real32)
      do i = 1, 6
         call torch_tensor_from_array(inputs(i), layer_data(:, :, i), permute_dims=[2, 1], requires_grad=i <= 2)
      end do
      do i = 1, 5
         call torch_tensor_from_array(inputs(6 + i), end_data(:, i))
      end do
      call torch_model_forward(model, inputs, fluxes_of, requires_grad=.true.)
      call out%put('network_long_down', derivative(fluxes_of(1), inputs(1)))
      call out%put('network_long_up', derivative(fluxes_of(2), inputs(1)))
      by_vapour = derivative(fluxes_of(3), inputs(2)) * spread(layers(:, 2), 1, levels + 1)
      call out%put('network_direct', by_vapour)
   end subroutine of_network

   !> d flux(half level) / d input(layer), from tensors [1, half level] and [1, layer].
   function derivative(flux, input) result(matrix)
      type(torch_tensor), intent(in) :: flux, input
      real(real64) :: matrix(levels + 1, levels)
      type(torch_tensor) :: all
      real(real32) :: values(1, levels + 1, 1, levels)
      all = torch_jacobian(flux, input, retain_graph=.true.)
      call torch_tensor_copy_to(all, values)
      matrix = real(values(1, :, 1, :), real64)
   end function derivative

   subroutine of_solver()
      real(real64), parameter :: degrees = 0.1_real64, share = 1e-3_real64
      real(real64), dimension(levels + 1, levels) :: long_down, long_up, direct
      type(fluxes) :: more, less
      integer :: k
      do k = 1, levels
         call solve_changed(k, degrees, 1.0_real64, more)
         call solve_changed(k, -degrees, 1.0_real64, less)
         long_down(:, k) = (more%long_down - less%long_down) / (2 * degrees)
         long_up(:, k) = (more%long_up - less%long_up) / (2 * degrees)
         call solve_changed(k, 0.0_real64, 1 + share, more)
         call solve_changed(k, 0.0_real64, 1 - share, less)
         direct(:, k) = (more%direct - less%direct) / (2 * share)
      end do
      call out%put('solver_long_down', long_down)
      call out%put('solver_long_up', long_up)
      call out%put('solver_direct', direct)
   end subroutine of_solver

   subroutine solve_changed(k, warmer, wetter, f)
      integer, intent(in) :: k
      real(real64), intent(in) :: warmer, wetter
      type(fluxes), intent(out) :: f
      real(real64) :: t(levels), vapour(levels)
      t = layers(:, 1)
      vapour = layers(:, 2)
      t(k) = t(k) + warmer
      vapour(k) = vapour(k) * wetter
      call radiate(half, t, vapour, layers(:, 3), layers(:, 4), ends(1), ends(2), ends(3), ends(4), ends(5), f)
   end subroutine solve_changed

   subroutine read_namelist()
      character(len=256) :: path, message
      integer :: unit, status
      call get_command_argument(1, path)
      if (path == '') error stop 'usage: radiation_jacobian run.nml'
      open (newunit=unit, file=path, status='old', action='read', iostat=status, iomsg=message)
      if (status == 0) read (unit, nml=run, iostat=status, iomsg=message)
      if (status == 0) close (unit)
      if (status == 0) return
      write (error_unit, '(4a)') 'radiation_jacobian: ', trim(path), ': ', trim(message)
      stop 1, quiet=.true.
   end subroutine read_namelist

end program jacobian
