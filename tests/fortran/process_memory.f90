module process_memory
  !! What the system says about this process.
  implicit none (type, external)
  private
  public :: resident

contains

  integer function resident()
    !! Resident memory of this process, in kB.
    character(len=200) :: line
    integer :: unit, status
    resident = 0
    open (newunit=unit, file='/proc/self/status', action='read')
    do
      read (unit, '(a)', iostat=status) line
      if (status /= 0) exit
      if (line(:6) == 'VmRSS:') read (line(7:index(line, 'kB') - 1), *) resident
    end do
    close (unit)
  end function resident

end module process_memory
