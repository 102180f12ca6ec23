!> Hello, tensor: a Fortran array and a PyTorch tensor that are one and the same memory.
program hello_tensor
   use, intrinsic :: iso_c_binding, only: c_associated, c_loc
   use ftorch
   implicit none (type, external)

   call hello()

contains

   subroutine hello()
      real, target :: field(2, 3)
      real, pointer :: view(:, :)
      type(torch_tensor) :: tensor, turned, twice

      field = reshape([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 3])
      call torch_tensor_from_array(tensor, field)                       ! tensor (i, j) is field(i, j)
      call torch_tensor_from_array(turned, field, permute_dims=[2, 1])  ! turned (j, i) is field(i, j)

      field(2, 1) = 42.0                                                 ! both tensors see it, and are shown by torch
      call torch_tensor_print(tensor)
      call torch_tensor_print(turned)

      call torch_tensor_to_array(turned, view)                          ! and back: a pointer into the same memory
      view(3, 1) = 50.0
      print '(a,2f6.1)', 'field(:, 3) is now', field(:, 3)

      twice = tensor + tensor                                           ! arithmetic makes new tensors
      call torch_tensor_to_array(twice, view)
      print '(a,6f6.1)', 'twice the field is', view

      if (.not. c_associated(torch_tensor_data_pointer(turned), c_loc(field))) error stop 'hello_tensor: the tensor is a copy'
      if (any(abs(field - reshape([1.0, 42.0, 3.0, 4.0, 50.0, 6.0], [2, 3])) > 0)) error stop 'hello_tensor: the field is wrong'
      if (any(abs(view - 2 * field) > 0)) error stop 'hello_tensor: the sum is wrong'
      print '(a)', 'hello_tensor: no copies, all numbers right'
   end subroutine hello

end program hello_tensor
