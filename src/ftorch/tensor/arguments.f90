module ftorch_arguments
  !! Turns the dummy arguments of generated procedures into what the C interface takes.
  use, intrinsic :: iso_c_binding, only: c_bool, c_double, c_int32_t, c_int64_t, c_null_ptr, c_ptr
  use, intrinsic :: iso_fortran_env, only: int16, int32, int64, int8, real32, real64
  use :: ftorch_capi, only: ctorch_operand
  use :: ftorch_error, only: refuse, check_status
  use :: ftorch_tensor_type, only: torch_tensor
  use :: ftorch_types, only: torch_error_argument
  implicit none (type, external)
  private

  public :: operand_of, number_of, array_operand, tensor_operand, handle_or_null, handles
  public :: integer_or, short_or, long_or, list_of, count_of
  public :: text_or_blank, text_length, absent, real_or

  integer, parameter :: absent = -huge(0) - 1
    !! Stands for an optional integer that was left out

  integer, parameter :: longest_word = 64
    ! Of those that an optional text may be; the rest of a longer one, which is none of them, is cut off

  ! CTORCH_OPERAND_*
  integer(c_int32_t), parameter :: is_tensor = 1, is_integer = 2, is_real = 3, is_complex = 4, is_logical = 5, is_neither = 6

  interface
    function ftorch_operand(array, operand) result(status) bind(C)
      import :: c_int32_t, ctorch_operand
      type(*), intent(in) :: array(..)
      type(ctorch_operand), intent(inout) :: operand
      integer(c_int32_t) :: status
    end function ftorch_operand
  end interface

contains

  pure function tensor_operand(tensor) result(operand)
    type(torch_tensor), intent(in) :: tensor
    type(ctorch_operand) :: operand
    operand%tensor = tensor%p
    operand%kind = is_tensor
  end function tensor_operand

  function array_operand(array) result(operand)
    !! A number, or an array, which is copied: an autograd graph may live longer than the array does.
    type(*), intent(in) :: array(..)
    type(ctorch_operand) :: operand
    call check_status(ftorch_operand(array, operand), 'operator of torch_tensor')
  end function array_operand

  function operand_of(value) result(operand)
    !! A tensor or a number.
    class(*), intent(in) :: value
    type(ctorch_operand) :: operand
    select type (value)
    type is (torch_tensor)
      operand = tensor_operand(value)
    class default
      operand = number_of(value)
    end select
  end function operand_of

  function number_of(value) result(operand)
    !! A number of any kind; one that was left out has the kind 0.
    class(*), optional, intent(in) :: value
    type(ctorch_operand) :: operand
    if (.not. present(value)) return
    select type (value)
    type is (integer(int8))
      call set_integer(int(value, c_int64_t))
    type is (integer(int16))
      call set_integer(int(value, c_int64_t))
    type is (integer(int32))
      call set_integer(int(value, c_int64_t))
    type is (integer(int64))
      call set_integer(value)
    type is (real(real32))
      call set_real(real(value, c_double))
    type is (real(real64))
      call set_real(value)
    type is (complex(real32))
      call set_complex(cmplx(value, kind=c_double))
    type is (complex(real64))
      call set_complex(value)
    type is (logical)
      call set_logical(value)
    type is (logical(c_bool))
      call set_logical(logical(value))
    class default
      operand%kind = is_neither
    end select

  contains

    subroutine set_integer(number)
      integer(c_int64_t), intent(in) :: number
      operand%integer = number
      operand%kind = is_integer
    end subroutine set_integer

    subroutine set_real(number)
      real(c_double), intent(in) :: number
      operand%real = number
      operand%kind = is_real
    end subroutine set_real

    subroutine set_complex(number)
      complex(c_double), intent(in) :: number
      operand%real = number%re
      operand%imaginary = number%im
      operand%kind = is_complex
    end subroutine set_complex

    subroutine set_logical(truth)
      logical, intent(in) :: truth
      operand%integer = merge(1_c_int64_t, 0_c_int64_t, truth)
      operand%kind = is_logical
    end subroutine set_logical

  end function number_of

  pure type(c_ptr) function handle_or_null(tensor)
    type(torch_tensor), optional, intent(in) :: tensor
    handle_or_null = c_null_ptr
    if (present(tensor)) handle_or_null = tensor%p
  end function handle_or_null

  pure function handles(tensors)
    type(torch_tensor), intent(in) :: tensors(:)
    type(c_ptr) :: handles(size(tensors))
    integer :: i
    do i = 1, size(tensors)
      handles(i) = tensors(i)%p
    end do
  end function handles

  pure integer(c_int64_t) function integer_or(value, default)
    !! An optional integer or its default; `absent` becomes CTORCH_ABSENT.
    integer, optional, intent(in) :: value
    integer, intent(in) :: default
    integer_or = int(default, c_int64_t)
    if (present(value)) integer_or = int(value, c_int64_t)
    if (.not. present(value) .and. default == absent) integer_or = -huge(integer_or) - 1
  end function integer_or

  pure integer(c_int64_t) function short_or(value, default)
    !! The same of one that is int32.
    integer(int32), optional, intent(in) :: value
    integer, intent(in) :: default
    short_or = integer_or(default=default)
    if (present(value)) short_or = int(value, c_int64_t)
  end function short_or

  pure integer(c_int64_t) function long_or(value, default)
    !! And of one that is int64.
    integer(int64), optional, intent(in) :: value
    integer, intent(in) :: default
    long_or = integer_or(default=default)
    if (present(value)) long_or = value
  end function long_or

  pure real(c_double) function real_or(value, default)
    !! An optional real or its default.
    real(real64), optional, intent(in) :: value
    real(real64), intent(in) :: default
    real_or = default
    if (present(value)) real_or = value
  end function real_or

  function list_of(dim, name) result(list)
    !! One number or several.
    integer, optional, intent(in) :: dim(..)
    character(len=*), intent(in) :: name
    integer(c_int64_t), allocatable :: list(:)
    allocate (list(0))
    if (.not. present(dim)) return
    select rank (dim)
    rank (0)
      list = [int(dim, c_int64_t)]
    rank (1)
      list = int(dim, c_int64_t)
    rank default
      call refuse(torch_error_argument, 'torch_tensor operation', "argument '" // name // &
        "': expected a number or an array of rank 1")
    end select
  end function list_of

  pure integer(c_int32_t) function count_of(dim)
    integer, optional, intent(in) :: dim(..)
    count_of = -1
    if (present(dim)) count_of = size(dim, kind=c_int32_t)
    if (present(dim)) then
      if (rank(dim) == 0) count_of = 1
    end if
  end function count_of

  pure function text_or_blank(text) result(given)
    character(len=*), optional, intent(in) :: text
    character(len=longest_word) :: given
    given = ''
    if (present(text)) given = text
  end function text_or_blank

  pure integer(c_int64_t) function text_length(text)
    character(len=*), optional, intent(in) :: text
    text_length = -1
    if (present(text)) text_length = min(len_trim(text, kind=c_int64_t), int(longest_word, c_int64_t))
  end function text_length

end module ftorch_arguments
