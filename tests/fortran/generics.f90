program generics
  !! Names that take more than one kind of argument: shapes of both integer kinds, intrinsics of tensors beside those of numbers,
  !! elements set to numbers of each kind.
  use, intrinsic :: iso_fortran_env, only: int32, int64, real32, real64
  use :: ftorch
  use :: ftorch_intrinsics
  implicit none (type, external)
  call shapes()
  call intrinsics()
  call elements()
  if (torch_live_handles() /= 0) error stop 'handles are left'
  print '(a)', 'all generics'

contains

  subroutine check(fact, what)
    logical, intent(in) :: fact
    character(len=*), intent(in) :: what
    if (.not. fact) error stop what
  end subroutine check

  subroutine check_shape(tensor, expected, what)
    type(torch_tensor), intent(in) :: tensor
    integer, intent(in) :: expected(:)
    character(len=*), intent(in) :: what
    call check(tensor%get_rank() == size(expected), what)
    call check(all(tensor%get_shape() == expected), what)
  end subroutine check_shape

  subroutine check_values(tensor, expected, what)
    type(torch_tensor), intent(in) :: tensor
    real(real64), intent(in) :: expected(:)
    character(len=*), intent(in) :: what
    type(torch_tensor) :: flat
    real(real64), allocatable :: values(:)
    flat = torch_to(torch_reshape(tensor, [-1]), torch_kFloat64)
    call torch_tensor_to_array(flat, values)
    call check(all(abs(values - expected) < 1e-6_real64), what)
  end subroutine check_values

  subroutine shapes()
    type(torch_tensor) :: t, u, parts(2)
    integer(int64), parameter :: two = 2, three = 3
    t = torch_ones([two, three])
    call check_shape(t, [2, 3], 'ones')
    u = torch_zeros(t%get_shape())
    call check_shape(u, [2, 3], 'zeros of the shape of another')
    u = torch_full([three, two], 4, dtype=torch_kInt64)
    call check_shape(u, [3, 2], 'full')
    u = torch_rand([two]) + torch_randn([two]) + torch_randint(0, 9, [two])
    call check_shape(u, [2], 'random')
    u = torch_reshape(t, [three, -1_int64])
    call check_shape(u, [3, 2], 'reshape')
    u = torch_view(t, [6_int64])
    call check_shape(u, [6], 'view')
    u = torch_expand(torch_ones([1, 3]), t%get_shape())
    call check_shape(u, [2, 3], 'expand')
    t = torch_arange(1, 7, dtype=torch_kFloat64)
    u = torch_slice(t, 1, two, step=two)
    call check_values(u, [2.0_real64, 4.0_real64, 6.0_real64], 'slice with steps')
    u = torch_slice(t, 1, 2_int64, 3_int64)
    call check_values(u, [2.0_real64, 3.0_real64], 'slice')
    u = torch_slice(t, 1, last=2)
    call check_values(u, [1.0_real64, 2.0_real64], 'slice of default integers')
    call torch_split(t, [two, 4_int64], 1, parts)
    call check_shape(parts(2), [4], 'split')
  end subroutine shapes

  subroutine intrinsics()
    type(torch_tensor) :: a, b, c
    a = torch_arange(-1, 3, dtype=torch_kFloat64) * 1.5_real64  ! -1.5 0 1.5 3
    b = torch_full([4], 1.0_real64)
    c = max(a, b)
    call check_values(c, [1.0_real64, 1.0_real64, 1.5_real64, 3.0_real64], 'max')
    c = min(a, 0.5)
    call check_values(c, [-1.5_real64, 0.0_real64, 0.5_real64, 0.5_real64], 'min with a number')
    c = atan2(a, b)
    call check_values(c, atan2([-1.5_real64, 0.0_real64, 1.5_real64, 3.0_real64], 1.0_real64), 'atan2')
    c = floor(a) + ceiling(a)
    call check_values(c, [-3.0_real64, 0.0_real64, 3.0_real64, 6.0_real64], 'floor and ceiling')
    c = norm2(a)
    call check_values(c, [norm2([-1.5_real64, 0.0_real64, 1.5_real64, 3.0_real64])], 'norm2')
    c = norm2(torch_reshape(a + b, [2, 2]), 1)
    call check_values(c, [sqrt(0.25_real64 + 6.25_real64), sqrt(17.0_real64)], 'norm2 along a dimension')
    c = norm2(a, dim=1, keepdim=.true.)
    call check_shape(c, [1], 'norm2 that keeps its dimension')
    ! The intrinsics themselves go on as before.
    call check(max(1, 3, 2) == 3 .and. min(2.0, 1.0) < 1.5 .and. floor(-0.5) == -1 .and. ceiling(0.5) == 1, 'of numbers')
    call check(max(a%numel(), 3_int64) == 4, 'of int64')
  end subroutine intrinsics

  subroutine elements()
    type(torch_tensor) :: t, n
    integer :: stat
    character(len=200) :: errmsg
    integer(int64) :: i
    t = torch_zeros([2, 3])
    call t%set(5, [1, 2])
    call t%set(-7_int64, [2, 3])
    call t%set(0.5, [2, 1])
    call t%set(4, [1, 1], stat, errmsg)
    call check(stat == 0, 'set with stat')
    call check_values(t, [4.0_real64, 5.0_real64, 0.0_real64, 0.5_real64, 0.0_real64, -7.0_real64], 'set')
    n = torch_zeros([integer ::], dtype=torch_kInt64)
    call n%set(2_int64**53)
    call torch_tensor_item(n, i)
    call check(i == 2_int64**53, 'a tensor without dimensions')
    call n%set(3)
    call torch_tensor_item(n, i)
    call check(i == 3, 'its value is no index')
    call n%set(2_int64**53 + 1, stat=stat, errmsg=errmsg)
    call check(stat == torch_error_argument .and. index(errmsg, 'does not hold 9007199254740993 exactly') > 0, 'refused')
    call t%set(1, [3, 1], stat, errmsg)
    call check(stat == torch_error_argument, 'outside')
  end subroutine elements

end program generics
