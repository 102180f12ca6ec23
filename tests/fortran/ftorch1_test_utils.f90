program ftorch1_test_utils
  !! The unit ftorch_test_utils: every function, kind and rank, with one comparison that holds and one that does not.
  use, intrinsic :: iso_fortran_env, only: real32, real64
  use :: ftorch_test_utils, only: allclose, assert_allclose, assert_isclose, isclose, test_print
  implicit none (type, external)
  real(real32) :: s1(4), s2(2, 2), s3(2, 1, 2), s4(4)
  real(real64) :: d1(4), d2(2, 2), d3(2, 1, 2), d4(4)
  logical :: good(16), bad(12)

  s1 = [1.0, -2.0, 3.0, 0.0]
  d1 = s1
  s2 = reshape(s1, shape(s2))
  s3 = reshape(s1, shape(s3))
  d2 = reshape(d1, shape(d2))
  d3 = reshape(d1, shape(d3))
  good(1) = isclose(1.0_real32, 1.0_real32 + 5e-6_real32, 'real32')
  good(2) = isclose(1.0_real64, 1.0_real64 + 9.9e-6_real64, test_name='real64')
  good(3) = assert_isclose(got=2.0_real32, expect=2.1_real32, test_name='wide', rtol=0.1)
  good(4) = assert_isclose(2.0_real64, 2.1_real64, 'wide', rtol=0.1_real64, print_result=.false.)
  good(5) = allclose(s1, s1, 'rank 1')
  good(6) = allclose(s2, s2, 'rank 2')
  good(7) = allclose(s3, s3, 'rank 3')
  good(8) = allclose(d1, d1, 'rank 1', rtol=0.0_real64)
  good(9) = allclose(d2, d2, 'rank 2')
  good(10) = allclose(d3, d3, 'rank 3')
  good(11) = assert_allclose(s1, s1, test_name='rank 1', rtol=1e-5)
  good(12) = assert_allclose(s2, s2, test_name='rank 2', print_result=.false.)
  good(13) = assert_allclose(s3, s3, test_name='rank 3')
  good(14) = assert_allclose(d1, d1, test_name='rank 1')
  good(15) = assert_allclose(d2, d2, test_name='rank 2')
  good(16) = assert_allclose(d3, d3, test_name='rank 3', rtol=1e-5_real64)

  s4 = s1
  s4(4) = 1e-30  ! there is no absolute tolerance: what should be zero must be zero
  d4 = d1
  d4(2) = -2.001_real64
  bad(1) = isclose(1.0_real32, 1.0001_real32, 'far')
  bad(2) = isclose(1.0_real64 + 1.1e-5_real64, 1.0_real64, 'far')
  bad(3) = isclose(1.0_real64, 0.0_real64, 'far from zero')
  bad(4) = allclose(s4, s1, 'not zero')
  bad(5) = allclose(d4, d1, 'one element')
  bad(6) = allclose(reshape(d4, [2, 2]), d2, 'one element')
  bad(7) = allclose(reshape(d4, [2, 1, 2]), d3, 'one element')
  bad(8) = assert_allclose(d1(1:3), d1, 'shapes')
  bad(9) = assert_isclose(log(-s1(1)), 1.0_real32, 'not a number')
  bad(10) = assert_allclose(reshape(s4, [2, 2]), s2, 'not zero', print_result=.false.)
  bad(11) = assert_allclose(reshape(s4, [2, 1, 2]), s3, 'not zero')
  bad(12) = allclose(d1, d1 * 1.001_real64, 'factor', 1e-4_real64)
  call test_print('by hand', 'a message', .true.)
  call test_print('by hand', 'another message', .false.)
  if (.not. all(good)) error stop 'what is close was not found close'
  if (any(bad)) error stop 'what is not close was found close'
  print '(a)', 'end'
end program ftorch1_test_utils
