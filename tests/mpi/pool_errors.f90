program pool_errors
  ! What can be wrong with a pool, its arrays and its ranks: all hear of it.
  use, intrinsic :: iso_fortran_env, only: int64, real32, real64
  use ftorch
  use ftorch_mpi
  use job
  use columns_shared
  implicit none (type, external)
  call begin()
  select case (scenario)
  case ('missing')
    call missing()
  case ('refused')
    call refused()
  case ('recovers')
    call recovers()
  case default
    error stop 'no such scenario'
  end select
  call conclude()

contains

  subroutine missing()
    ! The last rank does something else. The others do not wait for ever.
    type(torch_column_pool) :: pool
    real(real32), target :: x(5, 2), y(3, 2)
    call torch_column_pool_create(pool, model, mpi_comm_world)
    call torch_mpi_set_timeout(1)
    if (rank < n - 1) then
      x = 1
      call pool%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1], stat=stat, errmsg=errmsg)
      call say(rank, stat, trim(errmsg))
      call pool%infer(x, y, permute_dims=[2, 1], output_permute_dims=[2, 1], stat=stat, errmsg=errmsg)
      call must(index(errmsg, 'waited in vain') > 0, trim(errmsg))
      call torch_mpi_same(mpi_comm_world, 'x', stat, errmsg)
      call say(rank, stat, trim(errmsg))
    end if
    call say(rank, 0, verdict())
    call abort_when_all_are_done(rank, n)
  end subroutine missing

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

end program pool_errors
