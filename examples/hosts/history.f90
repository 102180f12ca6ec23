!> NetCDF files of a model: axes, variables over time, records one after the other. A restart file is a history of one record.
!>
!>     call out%create('history.nc', 'A column of air')
!>     call out%axis('height', 'm', z)
!>     call out%variable('u', 'm s-1', 'eastward wind', ['height'])   ! its dimensions, without time
!>     call out%record(days)                                          ! begins a record
!>     call out%put('u', u)
!>     call out%close()
!>     call read_last('history.nc', 'u', u)                           ! its last record
module history
   use, intrinsic :: iso_fortran_env, only: error_unit, real64
   use netcdf
   implicit none (type, external)
   private
   public :: history_file, read_last

   type :: history_file
      private
      integer :: file = 0, time_dimension = 0, time = 0, records = 0
      logical :: defining = .false.
      character(len=:), allocatable :: path
   contains
      procedure :: create
      procedure :: axis
      procedure :: variable
      procedure :: record
      generic :: put => put_number, put_vector, put_matrix
      procedure, private :: put_number, put_vector, put_matrix, place
      procedure :: close => close_file
   end type history_file

   interface read_last
      procedure :: read_number, read_vector, read_matrix
   end interface read_last

contains

   !> A new file with a time axis in days.
   subroutine create(self, path, title)
      class(history_file), intent(out) :: self
      character(len=*), intent(in) :: path, title
      self%path = path
      call check(nf90_create(path, nf90_netcdf4, self%file), path)
      call check(nf90_put_att(self%file, nf90_global, 'Conventions', 'CF-1.8'), path)
      call check(nf90_put_att(self%file, nf90_global, 'title', title), path)
      call check(nf90_def_dim(self%file, 'time', nf90_unlimited, self%time_dimension), 'time')
      call check(nf90_def_var(self%file, 'time', nf90_double, [self%time_dimension], self%time), 'time')
      call check(nf90_put_att(self%file, self%time, 'units', 'days since 0001-01-01'), 'time')
      call check(nf90_put_att(self%file, self%time, 'calendar', '365_day'), 'time')
      self%defining = .true.
   end subroutine create

   subroutine axis(self, name, units, values)
      class(history_file), intent(inout) :: self
      character(len=*), intent(in) :: name, units
      real(real64), intent(in) :: values(:)
      integer :: dimension_id, id
      call check(nf90_def_dim(self%file, name, size(values), dimension_id), name)
      call check(nf90_def_var(self%file, name, nf90_double, [dimension_id], id), name)
      call check(nf90_put_att(self%file, id, 'units', units), name)
      call check(nf90_put_var(self%file, id, values), name)   ! a NetCDF-4 file may be written before it is fully defined
   end subroutine axis

   !> A variable over the axes named, in the order of the array's indices (`ncdump` shows them reversed), and over time.
   subroutine variable(self, name, units, long_name, axes)
      class(history_file), intent(inout) :: self
      character(len=*), intent(in) :: name, units, long_name
      character(len=*), optional, intent(in) :: axes(:)
      integer, allocatable :: dimensions(:)
      integer :: i, id
      allocate (dimensions(0))
      if (present(axes)) then
         do i = 1, size(axes)
            call check(nf90_inq_dimid(self%file, trim(axes(i)), id), trim(axes(i)))
            dimensions = [dimensions, id]
         end do
      end if
      call check(nf90_def_var(self%file, name, nf90_double, [dimensions, self%time_dimension], id), name)
      call check(nf90_put_att(self%file, id, 'units', units), name)
      call check(nf90_put_att(self%file, id, 'long_name', long_name), name)
   end subroutine variable

   !> Begins the next record, of a time in days; what follows is put into it.
   subroutine record(self, days)
      class(history_file), intent(inout) :: self
      real(real64), intent(in) :: days
      if (self%defining) call check(nf90_enddef(self%file), self%path)
      self%defining = .false.
      self%records = self%records + 1
      call check(nf90_put_var(self%file, self%time, days, start=[self%records]), 'time')
   end subroutine record

   subroutine put_number(self, name, value)
      class(history_file), intent(in) :: self
      character(len=*), intent(in) :: name
      real(real64), intent(in) :: value
      call check(nf90_put_var(self%file, self%place(name), value, start=[self%records]), name)
   end subroutine put_number

   subroutine put_vector(self, name, values)
      class(history_file), intent(in) :: self
      character(len=*), intent(in) :: name
      real(real64), intent(in) :: values(:)
      call check(nf90_put_var(self%file, self%place(name), values, start=[1, self%records]), name)
   end subroutine put_vector

   subroutine put_matrix(self, name, values)
      class(history_file), intent(in) :: self
      character(len=*), intent(in) :: name
      real(real64), intent(in) :: values(:, :)
      call check(nf90_put_var(self%file, self%place(name), values, start=[1, 1, self%records]), name)
   end subroutine put_matrix

   integer function place(self, name)
      class(history_file), intent(in) :: self
      character(len=*), intent(in) :: name
      call check(nf90_inq_varid(self%file, name, place), name)
   end function place

   subroutine close_file(self)
      class(history_file), intent(inout) :: self
      if (self%file /= 0) call check(nf90_close(self%file), self%path)
      self%file = 0
   end subroutine close_file

   subroutine read_number(path, name, value)
      character(len=*), intent(in) :: path, name
      real(real64), intent(out) :: value
      integer :: file, id, last
      call open_last(path, name, file, id, last)
      call check(nf90_get_var(file, id, value, start=[last]), path//': '//name)
      call check(nf90_close(file), path)
   end subroutine read_number

   subroutine read_vector(path, name, values)
      character(len=*), intent(in) :: path, name
      real(real64), intent(out) :: values(:)
      integer :: file, id, last
      call open_last(path, name, file, id, last)
      call check(nf90_get_var(file, id, values, start=[1, last]), path//': '//name)
      call check(nf90_close(file), path)
   end subroutine read_vector

   subroutine read_matrix(path, name, values)
      character(len=*), intent(in) :: path, name
      real(real64), intent(out) :: values(:, :)
      integer :: file, id, last
      call open_last(path, name, file, id, last)
      call check(nf90_get_var(file, id, values, start=[1, 1, last]), path//': '//name)
      call check(nf90_close(file), path)
   end subroutine read_matrix

   subroutine open_last(path, name, file, id, last)
      character(len=*), intent(in) :: path, name
      integer, intent(out) :: file, id, last
      integer :: dimension_id
      call check(nf90_open(path, nf90_nowrite, file), path)
      call check(nf90_inq_varid(file, name, id), path//': '//name)
      call check(nf90_inq_dimid(file, 'time', dimension_id), path//': time')
      call check(nf90_inquire_dimension(file, dimension_id, len=last), path//': time')
   end subroutine open_last

   subroutine check(status, what)
      integer, intent(in) :: status
      character(len=*), intent(in) :: what
      if (status == nf90_noerr) return
      write (error_unit, '(4a)') 'netCDF: ', what, ': ', trim(nf90_strerror(status))
      stop 1, quiet=.true.
   end subroutine check

end module history
