!> Two atmospheres whose radiation is known without a computer, and what the solver makes of them: `radiation_known run.nml`.
program known
   use, intrinsic :: iso_fortran_env, only: error_unit, real64
   use column, only: half_levels, surface
   use history, only: history_file
   use spectrum, only: parts, stefan
   use twostream, only: diffusivity, longwave, shortwave
   implicit none (type, external)

   integer, parameter :: heights = 5
   real(real64), parameter :: height_of_sun(heights) = [0.1_real64, 0.3_real64, 0.5_real64, 0.7_real64, 0.9_real64]
   character(len=256) :: output = 'known.nc'
   integer :: levels = 40
   namelist /run/ output, levels
   type(history_file) :: out
   integer :: i

   call read_namelist()
   call out%create(trim(output), 'Atmospheres of which the answer is known')
   call out%axis('level', '1', [(real(i, real64), i=1, levels)])
   call out%axis('sun', '1', height_of_sun)
   call out%variable('grey', 'K', 'temperature in radiative equilibrium, grey air', ['level'])
   call out%variable('grey_known', 'K', 'the same by formula', ['level'])
   call out%variable('reflected', '1', 'share that scattering air reflects', ['sun'])
   call out%variable('reflected_known', '1', 'the same by formula', ['sun'])
   call out%variable('lost', '1', 'largest change of the flux through air that only scatters, as a share of the light', ['sun'])
   call out%record(0.0_real64)
   call grey()
   call scattering()
   call out%close()

contains

   !> Grey air that the ground heats with 240 W m-2: emission grows with depth, by half of the flux and once more (Schwarzschild).
   subroutine grey()
      real(real64), parameter :: flux = 240, all_depth = 4
      real(real64) :: depth(parts, 1, levels), emitted(1, levels), ground(1), half(levels + 1), net(levels + 1)
      real(real64), allocatable :: down(:), up(:)
      integer :: round
      half = half_levels(levels, 1.0_real64)
      depth = spread(spread(all_depth * (half(2:) - half(:levels)) / surface, 1, 1), 1, parts)
      emitted = flux
      ground = flux
      ! Each layer emits what it absorbs, again and again: what a layer emits depends on what the others do.
      do round = 1, 20000
         call longwave(depth, emitted, ground, down, up)
         net = up - down
         associate (gives => 1 - exp(-diffusivity * depth(1, 1, :)))
            emitted(1, :) = emitted(1, :) + 0.5_real64 * (net(2:) - net(:levels)) / gives
         end associate
         ground = ground + 0.5_real64 * (flux - net(levels + 1))
         if (maxval(abs(net - flux)) < 1e-9_real64) exit
      end do
      call out%put('grey', (emitted(1, :) / stefan)**0.25_real64)
      associate (middle => diffusivity * all_depth * (half(:levels) + half(2:)) / 2 / surface)
         call out%put('grey_known', (flux / 2 * (1 + middle) / stefan)**0.25_real64)
      end associate
   end subroutine grey

   !> Air that scatters and does not absorb, over black ground: the same through all layers, and a formula for what comes back
   !> (Meador and Weaver 1980, equation 24, with the coefficients of Zdunkowski et al. 1980).
   subroutine scattering()
      real(real64), parameter :: all_depth = 8, forward = 0.4_real64
      real(real64), dimension(1, 1, levels) :: depth, scattered, ahead
      real(real64) :: reflected(heights), formula(heights), lost(heights), g1, g3
      real(real64), allocatable :: direct(:), down(:), up(:)
      depth = all_depth / levels
      scattered = 1
      ahead = forward
      g1 = (3 - 3 * forward) / 4
      do i = 1, heights
         call shortwave(depth, scattered, ahead, 0.0_real64, height_of_sun(i), 1.0_real64, direct, down, up)
         reflected(i) = up(1) / down(1)
         lost(i) = maxval(abs(down - up - (down(1) - up(1)))) / down(1)
         g3 = (2 - 3 * forward * height_of_sun(i)) / 4
         formula(i) = (g1 * all_depth + (g3 - g1 * height_of_sun(i)) * (1 - exp(-all_depth / height_of_sun(i)))) &
            / (1 + g1 * all_depth)
      end do
      call out%put('reflected', reflected)
      call out%put('reflected_known', formula)
      call out%put('lost', lost)
   end subroutine scattering

   subroutine read_namelist()
      character(len=256) :: path, message
      integer :: unit, status
      call get_command_argument(1, path)
      if (path == '') error stop 'usage: radiation_known run.nml'
      open (newunit=unit, file=path, status='old', action='read', iostat=status, iomsg=message)
      if (status == 0) read (unit, nml=run, iostat=status, iomsg=message)
      if (status == 0) close (unit)
      if (status == 0) return
      write (error_unit, '(4a)') 'radiation_known: ', trim(path), ': ', trim(message)
      stop 1, quiet=.true.
   end subroutine read_namelist

end program known
