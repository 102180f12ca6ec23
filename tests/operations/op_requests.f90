module op_requests
  !! What the operations' test driver reads and writes: binary requests from standard input, answers to standard output.
  use, intrinsic :: iso_c_binding, only: c_bool, c_f_pointer, c_loc, c_null_ptr, c_ptr
  use, intrinsic :: iso_fortran_env, only: int16, int32, int64, int8, real32, real64
  use :: ftorch
  implicit none (type, external)
  private

  public :: slot, slots, spelling, gradients, open_streams, next_request, answer, answer_number, fail, max_results, count_results
  public :: count_variables, get_variables, set_variables, weighted_sum

  integer, parameter :: max_slots = 10, max_results = 16, max_rank = 15
  integer(int32), parameter :: absent = 0, a_tensor = 1, a_number = 2, an_integer = 3, integers = 4, a_flag = 5, a_text = 6, &
    tensors = 7, an_array = 8

  type :: slot
    !! One argument. What it is not is null, so that it counts as absent where it is optional.
    class(*), pointer :: any => null()
    type(torch_tensor), pointer :: tensor => null(), tensors(:) => null()
    integer, pointer :: whole => null(), list(:) => null()
    logical, pointer :: flag => null()
    character(len=:), pointer :: text => null()
    integer(int8), pointer :: bytes(:) => null()
    type(c_ptr) :: data = c_null_ptr
    integer(int64), allocatable :: shape(:)
    integer(int32) :: dtype = -1
    integer(int8), pointer :: memory(:) => null()
    logical :: varies = .false.
      !! Whether the gradient check moves it
  end type slot

  type(slot), target :: slots(max_slots)
  integer(int32) :: spelling, gradients, count_results
  integer(int32) :: given
  integer :: input, output

contains

  subroutine open_streams()
    open (newunit=input, file='/dev/stdin', access='stream', form='unformatted', action='read', status='old')
    open (newunit=output, file='/dev/stdout', access='stream', form='unformatted', action='write', status='old')
  end subroutine open_streams

  logical function next_request(name)
    character(len=32), intent(out) :: name
    integer :: status, i
    call release()
    read (input, iostat=status) name
    next_request = status == 0
    if (.not. next_request) return
    read (input) spelling, gradients, count_results, given
    do i = 1, given
      call read_slot(slots(i))
    end do
  end function next_request

  subroutine read_slot(s)
    type(slot), target, intent(inout) :: s
    integer(int32) :: kind, count, number
    integer :: i
    read (input) kind
    select case (kind)
    case (absent)
      return
    case (a_tensor)
      allocate (s%tensor)
      call read_tensor(s%tensor)
      s%any => s%tensor
    case (tensors)
      read (input) count
      allocate (s%tensors(count))
      do i = 1, count
        call read_tensor(s%tensors(i))
      end do
    case (a_number)
      call read_number(s)
    case (an_integer)
      read (input) number
      allocate (s%whole)
      s%whole = number
    case (integers)
      read (input) count
      allocate (s%list(count))
      read (input) s%list
    case (a_flag)
      read (input) number
      allocate (s%flag)
      s%flag = number /= 0
    case (a_text)
      read (input) count
      allocate (character(len=count) :: s%text)
      read (input) s%text
    case (an_array)
      call read_array(s)
    case default
      error stop 'unknown kind of argument'
    end select
  end subroutine read_slot

  subroutine read_tensor(tensor)
    !! The bytes stay where they are until the process ends; there are not many.
    type(torch_tensor), intent(inout) :: tensor
    integer(int32) :: dtype, requires_grad, rank
    integer(int64) :: shape(max_rank), strides(max_rank), offset, count
    integer(int8), pointer :: bytes(:)
    read (input) dtype, requires_grad, rank
    read (input) shape(:rank), strides(:rank), offset, count
    allocate (bytes(count + 16))
    read (input) bytes(:count)
    call torch_tensor_from_pointer(tensor, c_loc(bytes(offset + 1)), rank, shape(:rank), dtype, torch_kCPU, &
      strides=strides(:rank), requires_grad=requires_grad /= 0)
  end subroutine read_tensor

  subroutine read_number(s)
    type(slot), intent(inout) :: s
    integer(int8), pointer :: i8
    integer(int16), pointer :: i16
    integer(int32), pointer :: i32
    integer(int64), pointer :: i64
    real(real32), pointer :: r32
    real(real64), pointer :: r64
    complex(real32), pointer :: c32
    complex(real64), pointer :: c64
    logical(c_bool), pointer :: truth
    call read_array(s)
    select case (s%dtype)
    case (torch_kInt8)
      call c_f_pointer(s%data, i8)
      s%any => i8
    case (torch_kInt16)
      call c_f_pointer(s%data, i16)
      s%any => i16
    case (torch_kInt32)
      call c_f_pointer(s%data, i32)
      s%any => i32
    case (torch_kInt64)
      call c_f_pointer(s%data, i64)
      s%any => i64
    case (torch_kFloat32)
      call c_f_pointer(s%data, r32)
      s%any => r32
    case (torch_kFloat64)
      call c_f_pointer(s%data, r64)
      s%any => r64
    case (torch_kComplex64)
      call c_f_pointer(s%data, c32)
      s%any => c32
    case (torch_kComplex128)
      call c_f_pointer(s%data, c64)
      s%any => c64
    case (torch_kBool)
      call c_f_pointer(s%data, truth)
      s%any => truth
    case default
      error stop 'unknown kind of number'
    end select
  end subroutine read_number

  subroutine read_array(s)
    type(slot), intent(inout) :: s
    integer(int32) :: rank
    integer(int64) :: count
    read (input) s%dtype, rank
    allocate (s%shape(rank))
    read (input) s%shape, count
    allocate (s%memory(count + 16))
    read (input) s%memory(:count)
    s%data = c_loc(s%memory)
    s%bytes => s%memory(:count)
  end subroutine read_array

  subroutine release()
    integer :: i
    do i = 1, max_slots
      if (associated(slots(i)%tensor)) call torch_delete(slots(i)%tensor)
      if (associated(slots(i)%tensors)) call torch_delete(slots(i)%tensors)
      slots(i) = slot()
    end do
  end subroutine release

  subroutine answer(results)
    !! The results or, if they were asked for, the gradients of their weighted sum; the weights follow the arguments.
    type(torch_tensor), intent(inout) :: results(:)
    type(torch_tensor) :: total
    integer :: i
    if (gradients == 0) then
      write (output) 1_int32, int(size(results), int32)
      do i = 1, size(results)
        call write_tensor(results(i))
      end do
    else
      total = weighted_sum(results)
      call torch_tensor_backward(total)
      write (output) 1_int32, gradients
      do i = 1, given - 1
        if (associated(slots(i)%tensor)) call write_gradients([slots(i)%tensor])
        if (associated(slots(i)%tensors)) call write_gradients(slots(i)%tensors)
      end do
    end if
    flush (output)
  end subroutine answer

  subroutine answer_number(number)
    real(real64), intent(in) :: number
    write (output) 1_int32, 1_int32, int(torch_kFloat64, int32), 0_int32, 8_int64, number
    flush (output)
  end subroutine answer_number

  function weighted_sum(results) result(total)
    !! The weights follow the arguments.
    type(torch_tensor), intent(in) :: results(:)
    type(torch_tensor) :: total
    integer :: i
    total = torch_sum(results(1) * slots(given)%tensors(1))
    do i = 2, size(results)
      total = total + torch_sum(results(i) * slots(given)%tensors(i))
    end do
    call torch_tensor_yield(total)
  end function weighted_sum

  integer function count_variables()
    !! How many tensors among the arguments require gradients. Those that are set later require them, too.
    integer :: i, k
    count_variables = 0
    do i = 1, given - 1
      slots(i)%varies = .false.
      if (associated(slots(i)%tensor)) slots(i)%varies = torch_tensor_requires_grad(slots(i)%tensor)
      if (slots(i)%varies) count_variables = count_variables + 1
      if (.not. associated(slots(i)%tensors)) cycle
      slots(i)%varies = all([(torch_tensor_requires_grad(slots(i)%tensors(k)), k=1, size(slots(i)%tensors))])
      if (slots(i)%varies) count_variables = count_variables + size(slots(i)%tensors)
    end do
  end function count_variables

  subroutine get_variables(variables)
    type(torch_tensor), intent(inout) :: variables(:)
    integer :: i, k, n
    n = 0
    do i = 1, given - 1
      if (.not. slots(i)%varies) cycle
      if (associated(slots(i)%tensor)) then
        n = n + 1
        variables(n) = slots(i)%tensor
        cycle
      end if
      do k = 1, size(slots(i)%tensors)
        n = n + 1
        variables(n) = slots(i)%tensors(k)
      end do
    end do
  end subroutine get_variables

  subroutine set_variables(variables, symmetric)
    !! Puts others in their places, not into their memory. Symmetric ones are made so, inside of what is differentiated.
    type(torch_tensor), intent(in) :: variables(:)
    logical, intent(in) :: symmetric
    integer :: i, k, n
    n = 0
    do i = 1, given - 1
      if (.not. slots(i)%varies) cycle
      if (associated(slots(i)%tensor)) then
        n = n + 1
        call torch_delete(slots(i)%tensor)
        slots(i)%tensor = torch_clone(variables(n))
        if (symmetric) slots(i)%tensor = (variables(n) + torch_transpose(variables(n), -1, -2)) / 2
        cycle
      end if
      call torch_delete(slots(i)%tensors)
      do k = 1, size(slots(i)%tensors)
        n = n + 1
        slots(i)%tensors(k) = torch_clone(variables(n))
      end do
    end do
  end subroutine set_variables

  subroutine write_gradients(inputs)
    type(torch_tensor), intent(in) :: inputs(:)
    type(torch_tensor) :: gradient
    integer :: i
    do i = 1, size(inputs)
      if (.not. torch_tensor_requires_grad(inputs(i))) cycle
      call torch_tensor_get_gradient(gradient, inputs(i))
      call write_tensor(gradient)
    end do
  end subroutine write_gradients

  subroutine write_tensor(tensor)
    type(torch_tensor), intent(in) :: tensor
    type(torch_tensor) :: ordered
    integer(int64), pointer :: shape(:)
    integer(int8), pointer :: bytes(:)
    integer(int64) :: count
    ordered = torch_contiguous(torch_detach(tensor))
    shape => ordered%get_shape()
    count = product(shape) * element_size(ordered%get_dtype())
    write (output) int(ordered%get_dtype(), int32), int(size(shape), int32), shape, count
    if (count == 0) return
    call c_f_pointer(torch_tensor_data_pointer(ordered), bytes, [count])
    write (output) bytes
  end subroutine write_tensor

  pure integer(int64) function element_size(dtype)
    integer, intent(in) :: dtype
    integer(int64), parameter :: sizes(0:11) = [1, 1, 2, 4, 8, 2, 4, 8, 8, 16, 1, 2]
    element_size = sizes(dtype)
  end function element_size

  subroutine fail(message, status)
    !! The error handler: hands the message on; then the library stops the program.
    character(len=*), intent(in) :: message
    integer, intent(in) :: status
    write (output) 0_int32, int(status, int32), int(len(message), int32), message
    flush (output)
  end subroutine fail

end module op_requests
