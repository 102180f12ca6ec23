module host_network
  !! The emulator by hand, as fast as we can write it in Fortran without a library: single precision, weights in the order in which
  !! they are read. `blocks` has loops that the compiler turns into vectors, `matrices` leaves the work to `matmul`.
  use, intrinsic :: iso_fortran_env, only: real32
  implicit none (type, external)
  private

  public :: perceptron, read_perceptron, blocks, matrices

  integer, parameter :: n_in = 45, n_hidden = 64, n_out = 9
  integer, parameter :: width = 16
    !! Columns of a block: two vectors of eight, or one of sixteen
  integer, parameter :: group = 4
    !! Outputs that are summed at once, in registers
  integer, parameter :: chunk = 256
    !! Columns of one matrix product, so that it stays in the cache

  type :: perceptron
    real(real32) :: w1(n_hidden, n_in), b1(n_hidden), w2(n_hidden, n_hidden), b2(n_hidden), w3(n_out, n_hidden), b3(n_out)
      !! Outputs first
    real(real32) :: g1(group, n_in, n_hidden / group), g2(group, n_hidden, n_hidden / group), g3(group, n_hidden, 3)
      !! Groups of outputs, input by input; nine outputs are three groups, the last with zeros
    real(real32) :: c3(group * 3)
  end type perceptron

contains

  subroutine read_perceptron(net, filename)
    !! Reads weights and biases, layer by layer, as PyTorch has them: its last index is the fastest.
    type(perceptron), intent(out) :: net
    character(len=*), intent(in) :: filename
    real(real32) :: t1(n_in, n_hidden), t2(n_hidden, n_hidden), t3(n_hidden, n_out), padded(group * 3, n_hidden)
    integer :: unit
    open (newunit=unit, file=filename, access='stream', form='unformatted', status='old', action='read')
    read (unit) t1, net%b1, t2, net%b2, t3, net%b3
    close (unit)
    net%w1 = transpose(t1)
    net%w2 = transpose(t2)
    net%w3 = transpose(t3)
    padded = 0
    padded(:n_out, :) = net%w3
    net%c3 = [net%b3, 0.0, 0.0, 0.0]
    net%g1 = reshape(net%w1, shape(net%g1), order=[1, 3, 2])
    net%g2 = reshape(net%w2, shape(net%g2), order=[1, 3, 2])
    net%g3 = reshape(padded, shape(net%g3), order=[1, 3, 2])
  end subroutine read_perceptron

  subroutine blocks(net, x, y, columns_first)
    !! Sixteen columns beside each other go through all layers; a single one has its outputs in the vectors instead.
    type(perceptron), intent(in) :: net
    real(real32), intent(in) :: x(:, :)
    real(real32), intent(inout) :: y(:, :)
    logical, intent(in) :: columns_first
    real(real32) :: a(width, n_in), b(width, n_hidden), c(width, n_hidden), d(width, group * 3)
    integer :: first, i, k, columns
    columns = size(x, merge(1, 2, columns_first))
    do first = 1, columns - width + 1, width
      if (columns_first) then
        a = x(first:first + width - 1, :)
      else
        do k = 1, n_in
          do i = 1, width
            a(i, k) = x(k, first + i - 1)
          end do
        end do
      end if
      call layer(n_in, n_hidden, net%g1, net%b1, a, b)
      b = hyperbolic_tangent(b)
      call layer(n_hidden, n_hidden, net%g2, net%b2, b, c)
      c = hyperbolic_tangent(c)
      call layer(n_hidden, group * 3, net%g3, net%c3, c, d)
      if (columns_first) then
        y(first:first + width - 1, :) = d(:, :n_out)
      else
        y(:, first:first + width - 1) = transpose(d(:, :n_out))
      end if
    end do
    do i = first, columns
      if (columns_first) then
        call single(net, x(i, :), y(i, :))
      else
        call single(net, x(:, i), y(:, i))
      end if
    end do
  end subroutine blocks

  subroutine layer(inputs, outputs, weight, bias, x, y)
    !! y = weight x + bias. The loop over columns is the one that becomes vectors, with four sums of each column in registers.
    integer, intent(in) :: inputs, outputs
    real(real32), intent(in) :: weight(group, inputs, outputs / group), bias(outputs), x(width, inputs)
    real(real32), intent(out) :: y(width, outputs)
    real(real32), dimension(width) :: s1, s2, s3, s4
    integer :: g, i, o
    do g = 1, outputs / group
      o = group * (g - 1)
      s1 = bias(o + 1)
      s2 = bias(o + 2)
      s3 = bias(o + 3)
      s4 = bias(o + 4)
      !GCC$ NOVECTOR
      do i = 1, inputs
        s1 = s1 + weight(1, i, g) * x(:, i)
        s2 = s2 + weight(2, i, g) * x(:, i)
        s3 = s3 + weight(3, i, g) * x(:, i)
        s4 = s4 + weight(4, i, g) * x(:, i)
      end do
      y(:, o + 1) = s1
      y(:, o + 2) = s2
      y(:, o + 3) = s3
      y(:, o + 4) = s4
    end do
  end subroutine layer

  elemental function hyperbolic_tangent(x) result(y)
    !! tanh to 2e-7 of itself: a quotient of polynomials, fitted for this; that of the C library takes as long as a layer.
    real(real32), intent(in) :: x
    real(real32) :: y, r, z
    r = max(-8.0_real32, min(8.0_real32, x))
    z = r * r
    y = r * (0.99999985 + z * (0.12925664 + z * (2.9510250e-3 + z * 1.1428435e-5))) / &
        (1.0 + z * (0.46258880 + z * (2.3815560e-2 + z * (2.3866934e-4 + z * 2.4592143e-7))))
  end function hyperbolic_tangent

  subroutine single(net, x, y)
    !! One column.
    type(perceptron), intent(in) :: net
    real(real32), intent(in) :: x(n_in)
    real(real32), intent(inout) :: y(n_out)
    real(real32) :: a(n_hidden), b(n_hidden)
    a = net%b1
    call add(n_in, net%w1, x, a)
    a = hyperbolic_tangent(a)
    b = net%b2
    call add(n_hidden, net%w2, a, b)
    b = hyperbolic_tangent(b)
    y = matmul(net%w3, b) + net%b3
  end subroutine single

  subroutine add(inputs, weight, x, y)
    !! y = y + weight x. The loop over outputs is the one that becomes vectors.
    integer, intent(in) :: inputs
    real(real32), intent(in) :: weight(n_hidden, inputs), x(inputs)
    real(real32), intent(inout) :: y(n_hidden)
    integer :: i
    do i = 1, inputs
      y = y + weight(:, i) * x(i)
    end do
  end subroutine add

  subroutine matrices(net, x, y, columns_first)
    !! Products of whole matrices.
    type(perceptron), intent(in) :: net
    real(real32), intent(in) :: x(:, :)
    real(real32), intent(inout) :: y(:, :)
    logical, intent(in) :: columns_first
    real(real32) :: a(n_hidden, chunk), b(n_hidden, chunk)
    integer :: first, last, n, columns, i
    columns = size(x, merge(1, 2, columns_first))
    do first = 1, columns, chunk
      last = min(first + chunk - 1, columns)
      n = last - first + 1
      if (columns_first) then
        a(:, :n) = matmul(net%w1, transpose(x(first:last, :)))
      else
        a(:, :n) = matmul(net%w1, x(:, first:last))
      end if
      do i = 1, n
        a(:, i) = hyperbolic_tangent(a(:, i) + net%b1)
      end do
      b(:, :n) = matmul(net%w2, a(:, :n))
      do i = 1, n
        b(:, i) = hyperbolic_tangent(b(:, i) + net%b2)
      end do
      a(:n_out, :n) = matmul(net%w3, b(:, :n))
      do i = 1, n
        if (columns_first) then
          y(first + i - 1, :) = a(:n_out, i) + net%b3
        else
          y(:, first + i - 1) = a(:n_out, i) + net%b3
        end if
      end do
    end do
  end subroutine matrices

end module host_network
