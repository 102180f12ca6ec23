program servers
  ! Pools some of whose ranks do nothing else than compute for others.
  use, intrinsic :: iso_fortran_env, only: int64, real32
  use ftorch
  use ftorch_mpi
  use job
  use columns_shared
  implicit none (type, external)
  call begin()
  select case (scenario)
  case ('serve')
    call serve()
  case ('idle_servers')
    call idle_servers()
  case ('all_serve')
    call all_serve()
  case default
    error stop 'no such scenario'
  end select
  call conclude()

contains

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

end program servers
