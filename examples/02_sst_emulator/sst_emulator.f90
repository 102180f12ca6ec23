!> The coupling: one month of the ocean by a neural network.
module sst_emulator
   use, intrinsic :: iso_fortran_env, only: real64
   use ftorch
   implicit none (type, external)
   private
   public :: sst_step

contains

   !> Next month's sea surface temperature. All arrays are (longitude, latitude); land points of `sst` come back as they are.
   subroutine sst_step(model, sst, mask, month, sst_next)
      type(torch_model), intent(inout) :: model           !< the exported network
      real(real64), intent(in), target :: sst(:, :)       !< this month's field, K
      real(real64), intent(in), target :: mask(:, :)      !< 1 on ocean, 0 on land
      integer, intent(in) :: month                        !< calendar month of sst, 1 = January
      real(real64), intent(out), target :: sst_next(:, :)  !< next month's field, K
      type(torch_tensor) :: inputs(3), outputs(1)
      integer :: stat
      character(len=512) :: errmsg

      ! Tensors that share our memory. The reversed order is the one of the file and of Python, [latitude, longitude]: a
      ! Fortran (lon, lat) array read that way is a contiguous torch (lat, lon) array.
      call torch_tensor_from_array(inputs(1), sst, permute_dims=[2, 1])
      call torch_tensor_from_array(inputs(2), mask, permute_dims=[2, 1])
      call torch_tensor_full(inputs(3), month)
      call torch_tensor_from_array(outputs(1), sst_next, permute_dims=[2, 1])

      ! We compute in double precision, the network in single: without convert=.true. this is an error, never a silent copy.
      call torch_model_forward(model, inputs, outputs, convert=.true., stat=stat, errmsg=errmsg)
      if (stat /= torch_success) error stop 'sst_step: '//trim(errmsg)
   end subroutine sst_step

end module sst_emulator
