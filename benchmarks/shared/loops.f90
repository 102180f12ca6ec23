module bench_loops
  !! A multilayer perceptron as a modeller writes it by hand: no library, loops over contiguous memory that the compiler vectorizes.
  use, intrinsic :: iso_fortran_env, only: int32, real32
  implicit none (type, external)
  private

  public :: perceptron, read_perceptron, apply

  type :: layer
    real(real32), allocatable :: weight(:, :)
      !! (n_out, n_in): the inner loop runs over the outputs, which are neighbours in memory
    real(real32), allocatable :: bias(:)
  end type layer

  type :: perceptron
    type(layer), allocatable :: layers(:)
    logical :: rectified = .false.
      !! max(x, 0) between the layers instead of tanh
    integer :: widest = 0
  end type perceptron

contains

  subroutine read_perceptron(net, filename)
    !! Reads the weights that networks.py writes.
    type(perceptron), intent(out) :: net
    character(len=*), intent(in) :: filename
    integer(int32) :: count, rectified, n_in, n_out
    integer :: unit, i
    open (newunit=unit, file=filename, access='stream', form='unformatted', status='old', action='read')
    read (unit) count, rectified
    net%rectified = rectified /= 0
    allocate (net%layers(count))
    do i = 1, count
      read (unit) n_in, n_out
      allocate (net%layers(i)%weight(n_out, n_in), net%layers(i)%bias(n_out))
      read (unit) net%layers(i)%weight, net%layers(i)%bias
      net%widest = max(net%widest, n_in, n_out)
    end do
    close (unit)
  end subroutine read_perceptron

  subroutine apply(net, x, y)
    !! Applies the network to every column of x.
    type(perceptron), intent(in) :: net
    real(real32), intent(in) :: x(:, :)
    real(real32), intent(inout) :: y(:, :)
    real(real32) :: here(net%widest), next(net%widest)
    integer :: sample, i, j, n
    do sample = 1, size(x, 2)
      here(:size(x, 1)) = x(:, sample)
      do i = 1, size(net%layers)
        associate (weight => net%layers(i)%weight, bias => net%layers(i)%bias)
          n = size(bias)
          next(:n) = bias
          do j = 1, size(weight, 2)
            next(:n) = next(:n) + weight(:, j) * here(j)
          end do
        end associate
        if (i == size(net%layers)) exit
        if (net%rectified) then
          here(:n) = max(next(:n), 0.0_real32)
        else
          here(:n) = tanh(next(:n))
        end if
      end do
      y(:, sample) = next(:size(y, 1))
    end do
  end subroutine apply

end module bench_loops
