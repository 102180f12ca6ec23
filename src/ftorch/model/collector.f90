module ftorch_collector
  !! One call of a network for the blocks of columns that threads prepare one by one.
  use, intrinsic :: iso_c_binding, only: c_int32_t, c_ptr
  use :: ftorch_error, only: check_status, flag, refuse
  use :: ftorch_infer_arrays, only: torch_array, torch_describe_array
  use :: ftorch_model, only: torch_model
  use :: ftorch_text, only: text
  use :: ftorch_types, only: ftorch_int, torch_error_argument
  implicit none (type, external)
  private

  public :: torch_collector, torch_collector_create

  type :: torch_collector
    !! Remembers where the arrays of each block lie, until all are computed at once:
    !!
    !!     call torch_collector_create(collector, n_blocks)
    !!     !$omp parallel do
    !!     do block = 1, n_blocks
    !!       call prepare(x(:, :, block))
    !!       call collector%set(block, x(:, :, block), y(:, :, block), permute_dims=[2, 1], output_permute_dims=[2, 1])
    !!     end do
    !!     call collector%run(model)
    private
    type(torch_array), allocatable :: inputs(:, :), outputs(:, :)  ! (argument, block)
  contains
    procedure :: set => collector_set
    procedure :: set_arrays => collector_set_arrays
    procedure :: run => collector_run
  end type torch_collector

  interface
    function ctorch_model_infer_blocks(model, inputs, n_inputs, outputs, n_outputs, n_blocks, convert) result(status) bind(C)
      import :: c_int32_t, c_ptr, torch_array
      type(c_ptr), intent(in) :: model
      type(torch_array), intent(in) :: inputs(*)
      integer(c_int32_t), value :: n_inputs
      type(torch_array), intent(in) :: outputs(*)
      integer(c_int32_t), value :: n_outputs, n_blocks, convert
      integer(c_int32_t) :: status
    end function ctorch_model_infer_blocks
  end interface

contains

  subroutine torch_collector_create(collector, n_blocks, n_inputs, n_outputs, stat, errmsg)
    !! Makes room for so many blocks, none of which is set. One that was made before forgets its blocks.
    type(torch_collector), intent(inout) :: collector
    integer, intent(in) :: n_blocks
    integer, optional, intent(in) :: n_inputs, n_outputs
      !! Of the model; 1 unless given
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    integer :: counts(2)
    counts = 1
    if (present(n_inputs)) counts(1) = n_inputs
    if (present(n_outputs)) counts(2) = n_outputs
    if (n_blocks < 1 .or. any(counts < 1)) then
      call refuse(torch_error_argument, 'torch_collector_create', 'expected 1 or more blocks, inputs and outputs, got ' // &
        text(n_blocks) // ', ' // text(counts(1)) // ' and ' // text(counts(2)), stat, errmsg)
      return
    end if
    if (allocated(collector%inputs)) deallocate (collector%inputs, collector%outputs)
    allocate (collector%inputs(counts(1), n_blocks), collector%outputs(counts(2), n_blocks))
    call forget(collector%inputs)
    call forget(collector%outputs)
    if (present(stat)) stat = 0
  end subroutine torch_collector_create

  pure subroutine forget(arrays)
    type(torch_array), intent(inout) :: arrays(:, :)
    integer :: i, block
    do block = 1, size(arrays, 2)
      do i = 1, size(arrays, 1)
        arrays(i, block)%words = 0
      end do
    end do
  end subroutine forget

  subroutine collector_set(self, block, x, y, permute_dims, output_permute_dims, stat, errmsg)
    !! Says where the input of a block lies, and its output. Nothing is read yet: the arrays must be there, and of this block alone,
    !! until the model has run. Threads may set different blocks at the same time.
    class(torch_collector), intent(inout) :: self
    integer, intent(in) :: block
      !! 1 to as many as the collector was made for
    type(*), intent(in), target :: x(..)
    type(*), intent(inout), target :: y(..)
    integer(ftorch_int), optional, intent(in) :: permute_dims(:), output_permute_dims(:)
      !! Tensor dimension d is array dimension permute_dims(d); the first of the tensor counts the samples
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    type(torch_array) :: input, output
    call torch_describe_array(input, x, permute_dims)
    call torch_describe_array(output, y, output_permute_dims)
    call collector_set_arrays(self, block, [input], [output], stat, errmsg)
  end subroutine collector_set

  subroutine collector_set_arrays(self, block, inputs, outputs, stat, errmsg)
    !! `set` for several inputs or outputs: `[torch_array(t), torch_array(q)]`.
    class(torch_collector), intent(inout) :: self
    integer, intent(in) :: block
    type(torch_array), intent(in) :: inputs(:), outputs(:)
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    character(len=:), allocatable :: wrong
    wrong = ''
    if (.not. allocated(self%inputs)) then
      wrong = 'there are no blocks yet: call torch_collector_create first'
    else if (block < 1 .or. block > size(self%inputs, 2)) then
      wrong = "argument 'block': expected 1 to " // text(size(self%inputs, 2)) // ', got ' // text(block)
    else if (size(inputs) /= size(self%inputs, 1) .or. size(outputs) /= size(self%outputs, 1)) then
      wrong = 'expected ' // text(size(self%inputs, 1)) // ' inputs and ' // text(size(self%outputs, 1)) // ' outputs, got ' // &
        text(size(inputs)) // ' and ' // text(size(outputs))
    end if
    if (wrong /= '') then
      call refuse(torch_error_argument, 'torch_collector%set', wrong, stat, errmsg)
      return
    end if
    self%inputs(:, block) = inputs
    self%outputs(:, block) = outputs
    if (present(stat)) stat = 0
  end subroutine collector_set_arrays

  subroutine collector_run(self, model, convert, stat, errmsg)
    !! Calls the model once for the samples of all blocks, in their order. The blocks stay set: the next time step may run it again.
    class(torch_collector), intent(in) :: self
    type(torch_model), intent(in) :: model
    logical, optional, intent(in) :: convert
      !! Converts dtypes on the way in and out
    integer, optional, intent(out) :: stat
    character(len=*), optional, intent(inout) :: errmsg
    if (.not. allocated(self%inputs)) then
      call refuse(torch_error_argument, 'torch_collector%run', 'there are no blocks yet: call torch_collector_create first', stat, &
        errmsg)
      return
    end if
    call check_status(ctorch_model_infer_blocks(model%p, self%inputs, size(self%inputs, 1, kind=c_int32_t), self%outputs, &
      size(self%outputs, 1, kind=c_int32_t), size(self%inputs, 2, kind=c_int32_t), flag(convert)), 'torch_collector%run', stat, &
      errmsg)
  end subroutine collector_run

end module ftorch_collector
