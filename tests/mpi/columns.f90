program columns
  ! Pools of columns. `columns SCENARIO FILE TWO`: a model of five numbers to three, and one of two inputs and two outputs.
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use ftorch
  use ftorch_mpi
  use job
  use process_memory, only: resident
  implicit none (type, external)
  character(len=32) :: scenario
  character(len=256) :: file, two_file, errmsg
  type(torch_model) :: model
  integer :: rank, n, stat
  call get_command_argument(1, scenario)
  call get_command_argument(2, file)
  call get_command_argument(3, two_file)
  call start()
  rank = my_rank(mpi_comm_world)
  n = n_ranks(mpi_comm_world)
  stat = -1
  errmsg = ''
  call torch_model_load(model, file)
  select case (scenario)
  case ('shapes')
    call shapes()
  case ('several')
    call several()
  case ('two_pools')
    call two_pools()
  case ('serve')
    call serve()
  case ('loop')
    call loop()
  case ('missing')
    call missing()
  case ('refused')
    call refused()
  case ('idle_servers')
    call idle_servers()
  case ('all_serve')
    call all_serve()
  case ('recovers')
    call recovers()
  case ('halves')
    call halves()
  case default
    error stop 'no such scenario'
  end select
  call torch_delete(model)
  call say(rank, int(torch_live_handles()), verdict())
  call finish()

contains

  integer function mine(case_of_counts)
    ! Columns of this rank: uneven, none on some, none anywhere, one each, all on one.
    integer, intent(in) :: case_of_counts
    select case (case_of_counts)
    case (1)
      mine = 5 + 3 * rank
    case (2)
      mine = merge(0, 7, modulo(rank, 2) == 1)
    case (3)
      mine = 0
    case (4)
      mine = 1
    case default
      mine = merge(200, 0, rank == n - 1)
    end select
  end function mine

  subroutine fill(x)
    real(real32), intent(out) :: x(:, :)
    integer :: i, j
    do j = 1, size(x, 2)
      do i = 1, size(x, 1)
        x(i, j) = sin(real(i + 17 * j + 100 * rank, real32))
      end do
    end do
  end subroutine fill

  logical function alike(a, b)
    real(real32), intent(in) :: a(:, :), b(:, :)
    alike = all(transfer(a, [1]) == transfer(b, [1]))
  end function alike

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

  subroutine serve()
    ! The last rank, or the last two, do nothing else; the others call in three shapes and fail once between.
    type(torch_column_pool) :: pool
    type(torch_model) :: none
    real(real32), allocatable, target :: x(:, :), y(:, :), xt(:, :), yt(:, :), expected(:, :)
    real(real32), target :: short(3, 2)
    integer(int64) :: calls
    integer :: ncol, servers
    servers = merge(2, 1, n > 2)
    if (rank >= n - servers) then
      call torch_column_pool_create(pool, model, mpi_comm_world, owner=.true.)
      call pool%serve()
      call pool%stats(calls=calls)
      call must(calls == 4, 'calls that were served')
      call torch_delete(pool)
      return
    end if
    ncol = mine(1)
    allocate (x(5, ncol), y(3, ncol), xt(ncol, 5), yt(ncol, 3), expected(3, ncol))
    call fill(x)
    call model%infer(x, expected, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call torch_column_pool_create(pool, none, mpi_comm_world, owner=.false.)
    call pool%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call must(alike(y, expected), 'served, levels first')
    short = 0
    y = 8
    call pool%infer(short, y(:, :2), permute_dims=[2, 1], output_permute_dims=[2, 1], stat=stat, errmsg=errmsg)
    call must(stat == torch_error_argument .and. index(errmsg, 'rank ') == 1, 'the server''s error: ' // trim(errmsg))
    call must(all(y > 7), 'a call that failed has written')
    xt = transpose(x)
    call pool%infer(xt, yt)
    call must(alike(transpose(yt), expected), 'served, columns first')
    call pool%infer(xt, yt)
    call must(alike(transpose(yt), expected), 'served again')
    call torch_delete(pool)
  end subroutine serve

  subroutine idle_servers()
    ! More servers than ranks to serve: those without clients wait for the end.
    type(torch_column_pool) :: pool
    real(real32), target :: x(5, 4), y(3, 4), expected(3, 4)
    integer(int64) :: computed
    integer :: step
    call torch_column_pool_create(pool, model, mpi_comm_world, owner=rank > 0)
    if (rank > 0) then
      call pool%serve()
      call pool%stats(columns=computed)
      call must(computed == merge(12, 0, rank == 1), 'columns of a server')
    else
      call fill(x)
      call model%infer(x, expected, permute_dims=[2, 1], output_permute_dims=[2, 1])
      do step = 1, 3
        y = 0
        call pool%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
        call must(alike(y, expected), 'served by one of many')
      end do
    end if
    call torch_delete(pool)
  end subroutine idle_servers

  subroutine all_serve()
    type(torch_column_pool) :: pool
    real(real32), target :: x(5, 2), y(3, 2)
    call torch_column_pool_create(pool, model, mpi_comm_world, owner=.true.)
    call pool%serve(stat=stat, errmsg=errmsg)
    call tell('all ranks serve, and none calls: there is nothing to wait for')
    x = 1
    call pool%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call must(all(abs(y) < 2), 'the pool goes on')
    if (n > 1) then  ! some delete, others call: nobody waits
      if (rank == 0) then
        call torch_delete(pool, stat=stat, errmsg=errmsg)
        call tell('other ranks still call the pool; all must delete it at the same time')
      else
        call pool%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
      end if
    end if
    call torch_delete(pool)
  end subroutine all_serve

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

  subroutine missing()
    ! The last rank does something else. The others do not wait for ever.
    type(torch_column_pool) :: pool
    real(real32), target :: x(5, 2), y(3, 2)
    call torch_mpi_set_timeout(1)
    call torch_column_pool_create(pool, model, mpi_comm_world)
    if (rank < n - 1) then
      x = 1
      call pool%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1], stat=stat, errmsg=errmsg)
      call say(rank, stat, trim(errmsg))
      call pool%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1], stat=stat, errmsg=errmsg)
      call must(index(errmsg, 'waited in vain') > 0, trim(errmsg))
      call torch_mpi_same(mpi_comm_world, 'x', stat, errmsg)
      call say(rank, stat, trim(errmsg))
    else
      call sleep_for(4)
    end if
    call say(rank, 0, verdict())
    call sleep_for(5)  ! all have said it
    call abort_job()
  end subroutine missing

  subroutine sleep_for(seconds)
    integer, intent(in) :: seconds
    integer(int64) :: first, now, rate
    call system_clock(first, rate)
    do
      call system_clock(now)
      if (now - first > seconds * rate) exit
    end do
  end subroutine sleep_for

  subroutine refused()
    ! What is wrong on one rank is told to all; nothing is written, and the pool goes on.
    type(torch_column_pool) :: pool, other
    type(torch_model) :: none
    real(real32), allocatable, target :: x(:, :), y(:, :), nothing(:, :)
    real(real64), allocatable, target :: xd(:, :)
    logical :: last
    last = rank == n - 1
    allocate (x(5, 4), y(3, 4), nothing(0, 0))
    x = 1
    call pool%infer(x, y, stat=stat, errmsg=errmsg)
    call tell('the pool has not been created')
    call torch_column_pool_create(pool, model, mpi_comm_world, owner=.false., stat=stat, errmsg=errmsg)
    call tell('argument ''owner'' is false on all ranks: nobody would compute')
    call torch_column_pool_create(pool, none, mpi_comm_world, stat=stat, errmsg=errmsg)
    call tell('argument ''model'': an owner computes, and has no model')
    call torch_column_pool_create(pool, model, mpi_comm_world, local_share=merge(1.5d0, 0.5d0, last), stat=stat, errmsg=errmsg)
    call tell('argument ''local_share'': expected a number from 0 to 1, got 1.5')
    call torch_column_pool_create(pool, model, mpi_comm_world, largest_batch=merge(-1, 1, last), stat=stat, errmsg=errmsg)
    call tell('argument ''largest_batch'': expected a number of columns, got -1')
    call torch_column_pool_create(pool, model, mpi_comm_null, stat=stat, errmsg=errmsg)
    call tell('got MPI_COMM_NULL')
    call torch_mpi_set_timeout(-1, stat=stat, errmsg=errmsg)
    call tell('argument ''seconds'' is negative')
    call torch_column_pool_create(pool, model, mpi_comm_world)
    other = pool
    call torch_column_pool_create(other, model, mpi_comm_world, stat=stat, errmsg=errmsg)
    call tell('argument ''pool'': it is one already; delete it first')
    call pool%finish(stat=stat, errmsg=errmsg)
    call tell('no call of this pool is under way; start one first')
    y = 9
    if (last) then
      call pool%infer(x, y(:, :3), permute_dims=[2, 1], output_permute_dims=[2, 1], stat=stat, errmsg=errmsg)
    else
      call pool%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1], stat=stat, errmsg=errmsg)
    end if
    call tell('output 1 has 3 columns, and input 1 has 4')
    if (last .and. n > 1) then
      call pool%infer(x(:4, :), y, permute_dims=[2, 1], output_permute_dims=[2, 1], stat=stat, errmsg=errmsg)
    else
      call pool%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1], convert=n == 1, stat=stat, errmsg=errmsg)
    end if
    call tell('the arrays differ from those of other ranks: input 1 is (4, columns) of 4 bytes each here, ' // &
      '(5, columns) of 4 bytes each there')
    y = 9
    xd = x
    if (last .and. n > 1) then
      call pool%infer(xd, y, permute_dims=[2, 1], output_permute_dims=[2, 1], stat=stat, errmsg=errmsg)
    else
      call pool%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1], convert=n == 1, stat=stat, errmsg=errmsg)
    end if
    call tell('input 1 is (5, columns) of 8 bytes each here, (5, columns) of 4 bytes each there')
    y = 9
    if (last .and. n > 1) then
      call pool%infer(transpose(x), y, output_permute_dims=[2, 1], stat=stat, errmsg=errmsg)
    else
      call pool%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1], convert=n == 1, stat=stat, errmsg=errmsg)
    end if
    call tell('input 1 is (columns, 5) of 4 bytes each here, (5, columns) of 4 bytes each there')
    y = 9
    call pool%infer(x, y, permute_dims=[2, 2], output_permute_dims=[2, 1], stat=stat, errmsg=errmsg)
    call tell('input 1: permute_dims must name each of the 2 dimensions once')
    call pool%infer(x(:0, :1), y, permute_dims=[2, 1], output_permute_dims=[2, 1], stat=stat, errmsg=errmsg)
    call tell('output 1 has 4 columns, and input 1 has 1')
    call too_many_columns(pool)
    call pool%infer(x(:3, :), y, permute_dims=[2, 1], output_permute_dims=[2, 1], stat=stat, errmsg=errmsg)
    call tell('expected ')
    call must(all(y > 8), 'a call that was refused has written')
    call pool%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call must(all(abs(y) < 2), 'the pool goes on')
    call pool%start(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1])
    call pool%start(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1], stat=stat, errmsg=errmsg)
    call tell('a call of this pool is under way; finish it first, or make another pool')
    call pool%finish()
    if (n > 1) then
      if (last) then
        call torch_delete(pool, stat=stat, errmsg=errmsg)
      else
        call pool%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1], stat=stat, errmsg=errmsg)
      end if
      call tell('the pool is being deleted by some ranks and called by others')
    end if
    call torch_delete(pool)
    call torch_delete(pool)
    call other%infer(x, y, stat=stat, errmsg=errmsg)
    call tell('the pool has been deleted')
  end subroutine refused

  subroutine too_many_columns(pool)
    ! More than MPI counts; arrays of no elements need no memory.
    type(torch_column_pool), intent(in) :: pool
    real(real32), allocatable, target :: x(:, :), y(:, :)
    allocate (x(0, 3000000000_int64), y(0, 3000000000_int64))
    call pool%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1], stat=stat, errmsg=errmsg)
    call tell('input 1: 3000000000 columns of one rank are more than MPI counts')
  end subroutine too_many_columns

  subroutine tell(expected)
    character(len=*), intent(in) :: expected
    if (n == 1 .and. (index(expected, ' there') > 0)) return
    call must(stat /= 0 .and. index(errmsg, expected) > 0, '"' // trim(errmsg) // '" is not "' // expected // '"')
    call must(stat /= torch_error_internal, 'internal')
    stat = -1
    errmsg = ''
  end subroutine tell

  subroutine recovers()
    ! One rank has a model of another width: what it computes fails, and all know.
    type(torch_model) :: two
    type(torch_column_pool) :: pool
    real(real32), target :: x(5, 3), y(3, 3)
    call torch_model_load(two, two_file)
    if (rank == n - 1) then
      call torch_column_pool_create(pool, two, mpi_comm_world, owner=.true.)
    else
      call torch_column_pool_create(pool, model, mpi_comm_world, owner=.true.)
    end if
    x = 1
    y = 9
    call pool%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1], stat=stat, errmsg=errmsg)
    call say(rank, stat, trim(errmsg))
    call must((rank == n - 1) .eqv. all(y > 8), 'who fails writes nothing')
    call torch_delete(pool)
  end subroutine recovers

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

end program columns
