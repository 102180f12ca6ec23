module ftorch_gradient_check
  !! Are the gradients of a procedure right? A comparison with finite differences.
  use, intrinsic :: iso_fortran_env, only: real64
  use :: ftorch_autograd, only: torch_grad, torch_tensor_set_requires_grad
  use :: ftorch_error, only: refuse
  use :: ftorch_functions, only: torch_clone, torch_contiguous, torch_detach, torch_reshape, torch_tensor_copy, torch_to
  use :: ftorch_grad_mode, only: torch_grad_scope
  use :: ftorch_tensor_arrays, only: torch_tensor_copy_to, torch_tensor_from_array
  use :: ftorch_tensor_type, only: torch_tensor
  use :: ftorch_types, only: torch_error_argument, torch_kBFloat16, torch_kFloat16, torch_kFloat32, torch_kFloat64, torch_success
  implicit none (type, external)
  private

  public :: torch_differentiable, torch_gradient_check

  abstract interface
    subroutine torch_differentiable(inputs, output)
      !! What torch_gradient_check looks at: computes one tensor from others. A module procedure, without random numbers.
      import :: torch_tensor
      implicit none (type, external)
      type(torch_tensor), intent(in) :: inputs(:)
      type(torch_tensor), intent(inout) :: output
    end subroutine torch_differentiable
  end interface

contains

  subroutine torch_gradient_check(function, inputs, max_difference, step, stat, errmsg)
    !! Compares the derivatives that autograd finds for a procedure with central differences, all of them, in real64: the inputs
    !! are copied and converted, and each of their elements is moved both ways.
    procedure(torch_differentiable) :: function
    type(torch_tensor), intent(in) :: inputs(:)
      !! Real tensors, away from kinks and poles of the function
    real(real64), intent(out) :: max_difference
      !! Largest difference, relative to the largest derivative by the same input; right ones give less than 1e-6
    real(real64), optional, intent(in) :: step
      !! How far elements are moved, relative to themselves or to 1 if they are smaller: 6e-6 unless given
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: points(size(inputs)), output
    type(torch_grad_scope) :: mode
    real(real64), allocatable :: recorded(:, :), measured(:, :)
    integer :: i, first, last
    max_difference = huge(max_difference)
    if (present(stat)) stat = torch_success
    call mode%enable_grad()
    do i = 1, size(inputs)
      if (all(inputs(i)%get_dtype() /= [torch_kFloat16, torch_kBFloat16, torch_kFloat32, torch_kFloat64])) then
        call refuse(torch_error_argument, 'torch_gradient_check', "argument 'inputs': expected real tensors", stat, errmsg)
        return
      end if
      points(i) = torch_contiguous(torch_clone(torch_to(torch_detach(inputs(i)), dtype=torch_kFloat64)))
      call torch_tensor_set_requires_grad(points(i))
    end do
    call function(points, output)
    if (output%get_dtype() /= torch_kFloat64) then
      call refuse(torch_error_argument, 'torch_gradient_check', &
        'the procedure was given real64 tensors and returned another kind', stat, errmsg)
      return
    end if
    allocate (recorded(output%numel(), sum([(points(i)%numel(), i=1, size(points))])))
    allocate (measured, mold=recorded)
    call record_rows(points, output, recorded, stat, errmsg)
    if (present(stat)) then
      if (stat /= torch_success) return
    end if
    call mode%no_grad()
    first = 1
    max_difference = 0
    do i = 1, size(points)
      last = first + int(points(i)%numel()) - 1
      call measure_columns(function, points, i, step, measured(:, first:last))
      max_difference = max(max_difference, difference(recorded(:, first:last), measured(:, first:last)))
      first = last + 1
    end do
  end subroutine torch_gradient_check

  subroutine record_rows(points, output, rows, stat, errmsg)
    !! One backward pass for each element of the output. What it does not depend on has derivatives of zero.
    type(torch_tensor), intent(in) :: points(:), output
    real(real64), intent(out) :: rows(:, :)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_tensor) :: flat(1), unit(1), gradients(size(points))
    real(real64), target :: direction(size(rows, 1))
    integer :: i, j, first, last
    flat(1) = torch_reshape(output, [-1])
    call torch_tensor_from_array(unit(1), direction)
    do i = 1, size(rows, 1)
      direction = 0
      direction(i) = 1
      call torch_grad(flat, points, gradients, unit, retain_graph=.true., allow_unused=.true., stat=stat, errmsg=errmsg)
      if (present(stat)) then
        if (stat /= torch_success) return
      end if
      first = 1
      do j = 1, size(points)
        last = first + int(points(j)%numel()) - 1
        call values_of(gradients(j), rows(i, first:last))
        first = last + 1
      end do
    end do
  end subroutine record_rows

  subroutine measure_columns(function, points, number, step, columns)
    !! Moves each element of one of the points, which is put back.
    procedure(torch_differentiable) :: function
    type(torch_tensor), intent(inout) :: points(:)
    integer, intent(in) :: number
    real(real64), optional, intent(in) :: step
    real(real64), intent(out) :: columns(:, :)
    type(torch_tensor) :: view, output
    real(real64), target :: values(size(columns, 2))
    real(real64) :: center, above(size(columns, 1)), below(size(columns, 1)), relative, h
    integer :: j
    relative = epsilon(relative)**(1.0_real64 / 3)
    if (present(step)) relative = step
    call values_of(points(number), values)
    call torch_tensor_from_array(view, values)
    do j = 1, size(values)
      center = values(j)
      h = relative * max(abs(center), 1.0_real64)
      call evaluate(center + h, above)
      call evaluate(center - h, below)
      values(j) = center
      columns(:, j) = (above - below) / ((center + h) - (center - h))
    end do
    call move()

  contains

    subroutine move()
      call torch_tensor_copy(points(number), torch_reshape(view, int(points(number)%get_shape())))
    end subroutine move

    subroutine evaluate(value, result)
      real(real64), intent(in) :: value
      real(real64), intent(out) :: result(:)
      values(j) = value
      call move()
      call function(points, output)
      call values_of(output, result)
    end subroutine evaluate

  end subroutine measure_columns

  subroutine values_of(tensor, values)
    type(torch_tensor), intent(in) :: tensor
    real(real64), intent(out), target :: values(:)
    call torch_tensor_copy_to(torch_reshape(tensor, [-1]), values)
  end subroutine values_of

  pure real(real64) function difference(a, b)
    !! A NaN or infinity anywhere is the largest difference of all.
    real(real64), intent(in) :: a(:, :), b(:, :)
    difference = 0
    if (size(a) == 0) return
    if (.not. all(abs(a) <= huge(a) .and. abs(b) <= huge(b))) then
      difference = huge(difference)
    else if (any(abs(a) > 0 .or. abs(b) > 0)) then
      difference = maxval(abs(a - b)) / max(maxval(abs(a)), maxval(abs(b)))
    end if
  end function difference

end module ftorch_gradient_check
