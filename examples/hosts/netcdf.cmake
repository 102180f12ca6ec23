# netcdf-fortran for the examples: `require_netcdf_fortran()`, and then `use_netcdf_fortran(program)`.
#
# Module files are bound to the compiler that made them, so this compiler is asked whether it can read them. Debian has them in
# /usr/include, which pkg-config and CMake take for granted and gfortran does not search: hence the plain -I.

# Where there is none, the example has only a target demo that says so and fails. A macro: its return() is the caller's.
macro(require_netcdf_fortran)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(NETCDF_FORTRAN IMPORTED_TARGET netcdf-fortran)
  if(NETCDF_FORTRAN_FOUND)
    pkg_get_variable(netcdf_modules netcdf-fortran includedir)
    include(CheckFortranSourceCompiles)
    set(CMAKE_REQUIRED_FLAGS -I${netcdf_modules})
    set(CMAKE_REQUIRED_LIBRARIES PkgConfig::NETCDF_FORTRAN)
    check_fortran_source_compiles([[
      program probe
        use netcdf
        print *, nf90_inq_libvers()
      end program
    ]] NETCDF_FORTRAN_USABLE SRC_EXT f90)
    unset(CMAKE_REQUIRED_FLAGS)
    unset(CMAKE_REQUIRED_LIBRARIES)
  endif()
  if(NOT NETCDF_FORTRAN_USABLE)
    string(CONCAT reason
      "This example is left out: ${CMAKE_Fortran_COMPILER} finds no netcdf-fortran that it can use. Debian's (apt install "
      "libnetcdff-dev) is made for gfortran, and no other compiler can read its module files: use "
      "-DCMAKE_Fortran_COMPILER=gfortran, or point PKG_CONFIG_PATH at a netcdf-fortran built with this compiler.")
    message(WARNING "${reason}")
    add_custom_target(demo COMMAND ${CMAKE_COMMAND} -E echo "${reason}" COMMAND ${CMAKE_COMMAND} -E false VERBATIM)
    return()
  endif()
endmacro()

function(use_netcdf_fortran program)
  target_compile_options(${program} PRIVATE -I${netcdf_modules})
  target_link_libraries(${program} PRIVATE PkgConfig::NETCDF_FORTRAN)
endfunction()
