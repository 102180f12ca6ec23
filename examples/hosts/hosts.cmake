# What the examples with a host model share: `include(../hosts/hosts.cmake)` after project().
#
#   LONG              whether the full experiment runs, or the fast one of at most two minutes
#   host_model(...)   the targets of an example: the host without and with a network, its training, its demo
option(LONG "Run the full experiment, not the fast one" OFF)
set(long $<$<BOOL:${LONG}>:--long>)
set(hosts ${CMAKE_CURRENT_LIST_DIR})
cmake_path(GET hosts PARENT_PATH examples)

find_package(FTorch REQUIRED)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
include(${hosts}/netcdf.cmake)

# Runs a script that imports `hosts` or `course`. Waiting threads sleep: on a machine that also does other work, spinning ones make
# training several times slower.
set(python ${CMAKE_COMMAND} -E env PYTHONPATH=${examples} OMP_WAIT_POLICY=passive ${Python3_EXECUTABLE})

# host_model(qbo NETWORK drag_network MODEL layered_usual.pt SOURCES column.f90 waves.f90)
#
# builds the host twice from main.f90 and SOURCES: qbo_plain with no_network.f90, which makes the samples that train.py learns from,
# and qbo with the module NETWORK, which `pt2ts fortran` writes for MODEL, a file that train.py writes. `demo` runs check.py.
# LEARN learn.f90 ... are the sources of a program that trains in Fortran, qbo_learn: then train.py is given this one.
function(host_model name)
  cmake_parse_arguments(PARSE_ARGV 1 "" "" "NETWORK;MODEL" "SOURCES;LEARN")
  add_library(${name}_host OBJECT ${hosts}/history.f90 ${hosts}/draws.f90 ${_SOURCES})
  use_netcdf_fortran(${name}_host)
  # In a folder of their own, not in that of the build, which gfortran looks into first: an example may build other modules of these
  # names.
  set(modules ${CMAKE_CURRENT_BINARY_DIR}/${name}_host_modules)
  set_target_properties(${name}_host PROPERTIES Fortran_MODULE_DIRECTORY ${modules})
  target_include_directories(${name}_host PUBLIC ${modules})
  add_executable(${name}_plain main.f90 no_network.f90 ${hosts}/without_network.f90)
  add_executable(${name} main.f90 ${_NETWORK}.f90)
  target_link_libraries(${name} PRIVATE FTorch::ftorch)
  set(programs ${name}_plain ${name})
  set(teacher ${name}_plain)
  if(_LEARN)
    set(teacher ${name}_learn)
    add_executable(${teacher} ${_LEARN})
    target_link_libraries(${teacher} PRIVATE FTorch::ftorch)
    list(APPEND programs ${teacher})
  endif()
  foreach(program IN LISTS programs)
    target_link_libraries(${program} PRIVATE ${name}_host)
    use_netcdf_fortran(${program})
    # Both have a module of the name NETWORK: each in its own folder.
    set_target_properties(${program} PROPERTIES Fortran_MODULE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/${program}_modules)
  endforeach()

  set(model ${CMAKE_CURRENT_BINARY_DIR}/${_MODEL})
  add_custom_command(
    OUTPUT ${model}
    COMMAND ${python} train.py $<TARGET_FILE:${teacher}> --output ${CMAKE_CURRENT_BINARY_DIR} ${long}
    DEPENDS train.py emulators.py ${teacher}
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
    COMMENT "Making samples and training"
    USES_TERMINAL COMMAND_EXPAND_LISTS VERBATIM)
  add_custom_command(
    OUTPUT ${_NETWORK}.f90
    COMMAND ${Python3_EXECUTABLE} -m pt2ts fortran ${model} --kind real64 --guard --output ${_NETWORK}.f90 --module ${_NETWORK}
    DEPENDS ${model}
    VERBATIM)
  add_custom_target(demo
    COMMAND ${python} check.py $<TARGET_FILE:${name}> --models ${CMAKE_CURRENT_BINARY_DIR}
    DEPENDS ${model}
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
    COMMENT "Running the host, checking and drawing"
    USES_TERMINAL VERBATIM)
endfunction()
