# libftorch_mpi for one MPI and one Fortran compiler: finds the MPI and compiles the sources. Used, installed, by every project that
# asks for the component mpi.
include_guard()

# Sets, for the MPI that CMake's FindMPI finds (MPI_C_COMPILER, MPI_Fortran_COMPILER and MPI_HOME choose one),
#   FTORCH_MPI_KIND      whose libraries a program may be run with: openmpi or mpich
#   FTORCH_MPI_VARIANT   which variant of the expanded sources fits: with-f08 or without-f08
# or FTORCH_MPI_PROBLEM, a sentence, if it cannot be used. A macro, because the targets of FindMPI belong to the caller.
macro(ftorch_probe_mpi)
  set(FTORCH_MPI_PROBLEM "")
  # MPI's library is called through its C interface, so it does not matter which Fortran compiler it was built with.
  find_package(MPI QUIET COMPONENTS C)
  if(NOT MPI_C_FOUND)
    set(FTORCH_MPI_PROBLEM
      "no MPI was found; name its compiler with -DMPI_C_COMPILER=<mpicc> (on Debian: the packages libopenmpi-dev or libmpich-dev)")
  else()
    # Not required: another compiler's module files are no use to this one, and then communicators are integers.
    find_package(MPI QUIET COMPONENTS Fortran)
    set(FTORCH_MPI_VARIANT without-f08)
    if(MPI_Fortran_FOUND AND MPI_Fortran_HAVE_F08_MODULE)
      set(FTORCH_MPI_VARIANT with-f08)
    endif()
    ftorch_find_mpi_kind(FTORCH_MPI_KIND)
    if(NOT FTORCH_MPI_KIND)
      set(FTORCH_MPI_PROBLEM "the MPI of ${MPI_C_COMPILER} is neither Open MPI nor one of MPICH's family; no other was ever tried")
    endif()
  endif()
endmacro()

# Intel's, Cray's and MVAPICH's MPI have MPICH's binary interface, and its name in their headers.
function(ftorch_find_mpi_kind kind)
  set(${kind} "" PARENT_SCOPE)
  foreach(row IN ITEMS "OPEN_MPI=openmpi" "MPICH_VERSION=mpich" "I_MPI_VERSION=mpich" "CRAY_MPICH_VERSION=mpich")
    string(REGEX MATCH "^(.*)=(.*)$" row "${row}")
    set(macro "${CMAKE_MATCH_1}")
    set(name "${CMAKE_MATCH_2}")
    try_compile(defined
      SOURCE_FROM_CONTENT kind.c "#include <mpi.h>\n#ifndef ${macro}\n#error no\n#endif\nint main(void) { return 0; }\n"
      LINK_LIBRARIES MPI::MPI_C
      NO_CACHE)
    if(defined)
      set(${kind} "${name}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
endfunction()

# ftorch_add_mpi(<target> SOURCE <folder of headers> SOURCES <files> MODULE_DIR <dir> LINK <the target of libftorch> VERSION <version>)
function(ftorch_add_mpi target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "SOURCE;MODULE_DIR;LINK;VERSION" "SOURCES")
  string(REGEX MATCH "^[0-9]+\\.[0-9]+" soversion "${arg_VERSION}")
  add_library(${target} SHARED ${arg_SOURCES})
  target_link_libraries(${target} PUBLIC ${arg_LINK} MPI::MPI_C)
  target_include_directories(${target}
    PRIVATE "${arg_SOURCE}" "${arg_SOURCE}/include" PUBLIC "$<BUILD_INTERFACE:${arg_MODULE_DIR}>")
  if(FTORCH_MPI_VARIANT STREQUAL "with-f08")
    target_include_directories(${target} PRIVATE ${MPI_Fortran_INCLUDE_DIRS})
  endif()
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME ftorch_mpi
    SOVERSION "${soversion}"
    LINKER_LANGUAGE Fortran
    POSITION_INDEPENDENT_CODE ON
    CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF CXX_SCAN_FOR_MODULES OFF
    CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    Fortran_MODULE_DIRECTORY "${arg_MODULE_DIR}"
    INSTALL_RPATH "$ORIGIN/..;$ORIGIN/../.."
    INSTALL_RPATH_USE_LINK_PATH ON)
endfunction()
