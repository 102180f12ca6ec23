module kernels_loops
  !! The loops of bench_loops behind a C interface, for programs that load them at run time.
  use, intrinsic :: iso_c_binding, only: c_char, c_float, c_int32_t
  use bench_loops, only: apply, perceptron, read_perceptron
  implicit none (type, external)
  private

  public :: loops_read, loops_apply

  type(perceptron) :: net
    !! The network that is timed.

contains

  subroutine loops_read(name, length) bind(c)
    !! Reads the weights of the network.
    character(kind=c_char), intent(in) :: name(*)
    integer(c_int32_t), value :: length
    character(len=length) :: filename
    integer :: i
    do i = 1, length
      filename(i:i) = name(i)
    end do
    call read_perceptron(net, filename)
  end subroutine loops_read

  subroutine loops_apply(x, y, batch) bind(c)
    !! Applies it to columns.
    integer(c_int32_t), value :: batch
    real(c_float), intent(in) :: x(size(net%layers(1)%weight, 2), batch)
    real(c_float), intent(inout) :: y(size(net%layers(size(net%layers))%bias), batch)
    call apply(net, x, y)
  end subroutine loops_apply

end module kernels_loops
