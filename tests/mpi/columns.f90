program columns
  ! Pools of columns: what they compute, in all ways of owning and of memory.
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use ftorch
  use ftorch_mpi
  use job
  use process_memory, only: resident
  use columns_shared
  implicit none (type, external)
  call begin()
  select case (scenario)
  case ('shapes')
    call shapes()
  case ('several')
    call several()
  case ('two_pools')
    call two_pools()
  case ('halves')
    call halves()
  case ('loop')
    call loop()
  case default
    error stop 'no such scenario'
  end select
  call conclude()

contains

  subroutine shapes()
    ! All ways of owning, counts and orders of memory give the bits of the model itself.
    integer :: owning, counts
    do owning = 1, 7
      do counts = 1, 5
        call one_shape(owning, counts)
      end do
    end do
  end subroutine shapes

  subroutine one_shape(owning, counts)
    integer, intent(in) :: owning, counts
    type(torch_column_pool) :: pool
    type(torch_model) :: none
    real(real32), allocatable, target :: x(:, :), y(:, :), xt(:, :), yt(:, :), wide(:, :), wide_y(:, :), expected(:, :)
    real(real64), allocatable, target :: xd(:, :), yd(:, :)
    character(len=40) :: what
    integer :: ncol
    logical :: owns
    ncol = mine(counts)
    write (what, '(a, i0, a, i0)') 'owning ', owning, ', counts ', counts
    allocate (x(5, ncol), y(3, ncol), expected(3, ncol), xt(ncol, 5), yt(ncol, 3), wide(11, 2 * ncol), wide_y(ncol, 9))
    call fill(x)
    if (ncol > 0) call model%infer(x, expected, permute_dims=[2, 1], output_permute_dims=[2, 1])
    select case (owning)
    case (1)
      call torch_column_pool_create(pool, model, mpi_comm_world)
    case (2)
      call torch_column_pool_create(pool, model, mpi_comm_world, owner=.true.)
    case (3)
      if (rank == n - 1) then
        call torch_column_pool_create(pool, model, mpi_comm_world, owner=.true.)
      else
        call torch_column_pool_create(pool, none, mpi_comm_world)
      end if
    case (4)
      call torch_column_pool_create(pool, model, mpi_comm_world, local_share=0.3d0)
    case (5)
      call torch_column_pool_create(pool, model, mpi_comm_world, local_share=1.0d0)
    case (6)
      call torch_column_pool_create(pool, model, mpi_comm_world, largest_batch=4)
    case default
      call torch_column_pool_create(pool, model, mpi_comm_world, owner=modulo(rank, 2) == 0, local_share=0.5d0, largest_batch=3)
    end select
    call pool%stats(is_owner=owns)
    if (owning == 1) call must(owns .eqv. rank == 0, 'the first rank of a machine owns')
    ! Levels first, columns first, a section of each, the other precision.
    y = -1
    call pool%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call must(alike(y, expected), trim(what) // ', levels first')
    xt = transpose(x)
    yt = -1
    call pool%infer(xt, yt)
    call must(alike(transpose(yt), expected), trim(what) // ', columns first')
    wide = -7
    wide(2:10:2, 2::2) = x
    wide_y = -7
    call pool%infer(wide(2:10:2, 2::2), wide_y(:, 2:8:3), permute_dims=[2, 1])
    call must(alike(transpose(wide_y(:, 2:8:3)), expected), trim(what) // ', sections')
    wide_y(:, 2:8:3) = -7
    call must(all(wide_y < -6), trim(what) // ', beside a section')
    xd = x
    allocate (yd(ncol, 3))
    yd = -1
    call pool%infer(xd, yd, permute_dims=[2, 1], convert=.true.)
    call must(alike(transpose(real(yd, real32)), expected), trim(what) // ', real64')
    call torch_delete(pool)
  end subroutine one_shape

  subroutine several()
    ! Two inputs and two outputs, of both orders.
    type(torch_model) :: two
    type(torch_column_pool) :: pool
    real(real32), allocatable, target :: t(:, :), q(:, :), y(:, :), z(:), y2(:, :), z2(:)
    integer(int64) :: calls, computed, bytes
    real(real64) :: waiting, network
    integer :: ncol
    call torch_model_load(two, two_file)
    ncol = mine(1)
    allocate (t(4, ncol), q(ncol, 2), y(3, ncol), z(ncol), y2(3, ncol), z2(ncol))
    call fill(t)
    call fill(q)
    call torch_model_infer_arrays(two, [torch_array(t, [2, 1]), torch_array(q)], [torch_array(y, [2, 1]), torch_array(z)])
    call torch_column_pool_create(pool, two, mpi_comm_world)
    y2 = 0
    z2 = 0
    call pool%infer_arrays([torch_array(t, [2, 1]), torch_array(q)], [torch_array(y2, [2, 1]), torch_array(z2)])
    call must(alike(y, y2) .and. all(z == z2), 'several arrays')
    y2 = 0
    call pool%start_arrays([torch_array(t, [2, 1]), torch_array(q)], [torch_array(y2, [2, 1]), torch_array(z2)])
    call pool%finish()
    call must(alike(y, y2), 'several arrays, in two halves')
    call pool%stats(calls=calls, columns=computed, bytes=bytes, waiting=waiting, network=network)
    call must(calls == 2, 'calls')
    call must(computed == merge(2 * (5 * n + 3 * n * (n - 1) / 2), 0, rank == 0), 'columns')
    call must(bytes == merge(2 * 40 * (5 * (n - 1) + 3 * n * (n - 1) / 2), 2 * 40 * ncol, rank == 0), 'bytes')
    call must(waiting > 0 .and. (network > 0 .eqv. rank == 0), 'seconds')
    call torch_delete(pool)
  end subroutine several

  subroutine two_pools()
    ! Started one after the other, and finished the other way round; the host computes between.
    type(torch_column_pool) :: a, b
    real(real32), allocatable, target :: x(:, :), y(:, :), y2(:, :), expected(:, :)
    integer :: ncol
    ncol = mine(1)
    allocate (x(5, ncol), y(3, ncol), y2(3, ncol), expected(3, ncol))
    call fill(x)
    call model%infer(x, expected, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call torch_column_pool_create(a, model, mpi_comm_world)
    call torch_column_pool_create(b, model, mpi_comm_world, owner=rank == n - 1)
    call a%start(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call b%start(x, y2, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call b%finish()
    call must(alike(y2, expected), 'second pool')
    call a%finish()
    call must(alike(y, expected), 'first pool')
    call torch_delete(a)
    y2 = 0
    call b%infer(x, y2, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call must(alike(y2, expected), 'one pool goes, the other stays')
    call torch_delete(b)
  end subroutine two_pools

  subroutine halves()
    ! Components of a model have pools of their own.
    type(torch_column_pool) :: pool
    real(real32), target :: x(5, 3), y(3, 3), expected(3, 3)
    integer :: half
    half = split(mpi_comm_world, modulo(rank, 2))
    call fill(x)
    call model%infer(x, expected, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call torch_column_pool_create(pool, model, half)
    call free(half)
    if (modulo(rank, 2) == 0) then
      call pool%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
      call must(alike(y, expected), 'a half')
    end if
    call torch_delete(pool)
  end subroutine halves

  subroutine loop()
    ! Memory stays flat, and so does what a pool keeps.
    type(torch_column_pool) :: pool
    real(real32), allocatable, target :: x(:, :), y(:, :)
    integer :: step, ncol, before
    before = 0
    call torch_column_pool_create(pool, model, mpi_comm_world, local_share=0.25d0)
    do step = 1, 6000
      ncol = merge(64, 1 + modulo(7 * step + rank, 64), modulo(step, 100) == 0)
      allocate (x(5, ncol), y(ncol, 3))
      x = 0.5
      call pool%infer(x, y, permute_dims=[2, 1])
      deallocate (x, y)
      if (step == 1000) before = resident()
    end do
    call must(resident() - before < 3000, 'memory grows')
    call torch_delete(pool)
    do step = 1, 40
      call torch_column_pool_create(pool, model, mpi_comm_world)
      call torch_delete(pool)
    end do
  end subroutine loop

end program columns
