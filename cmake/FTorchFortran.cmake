# The Fortran interface for one Fortran compiler: probes the compiler and compiles the sources. Used by this project's own build
# and, installed, by every project whose Fortran compiler is another one.
include_guard()

set(FTORCH_PROBES "${CMAKE_CURRENT_LIST_DIR}/probes")

# Sets, for the Fortran compiler in use,
#   FTORCH_COMPILER_TAG        name and version, as in the names of the installed folders
#   FTORCH_SOURCE_VARIANT      which variant of the expanded sources fits: results-finalized or results-kept
#   FTORCH_ISO_BINDING_DIR     a folder that holds this compiler's own ISO_Fortran_binding.h, and nothing else
# and stops with the reason if the compiler cannot be used.
macro(ftorch_probe_fortran)
  ftorch_compiler_tag(FTORCH_COMPILER_TAG)
  ftorch_provide_iso_binding()
  ftorch_probe_descriptors()
  ftorch_probe_finalization()
  set(FTORCH_SOURCE_VARIANT "results-${FTORCH_FUNCTION_RESULTS}")
endmacro()

# Options that make default integers and logicals 8 bytes wide: programs compiled so need module files compiled so.
set(FTORCH_WIDE_INTEGERS "(^| )(-fdefault-integer-8|-i8|-s integer64)( |$)")

function(ftorch_compiler_tag tag)
  set(name "${CMAKE_Fortran_COMPILER_ID}-${CMAKE_Fortran_COMPILER_VERSION}")
  if(CMAKE_Fortran_FLAGS MATCHES "${FTORCH_WIDE_INTEGERS}")
    string(APPEND name "-i8")
  endif()
  set(${tag} "${name}" PARENT_SCOPE)
endfunction()

function(ftorch_refuse reason)
  set(known "")
  if(CMAKE_Fortran_COMPILER_ID STREQUAL "GNU" AND CMAKE_Fortran_COMPILER_VERSION VERSION_LESS 12)
    set(known "\nThe array descriptors of gfortran before version 12 are known to be wrong; 12 is the first that was tested.")
  endif()
  message(FATAL_ERROR
    "The Fortran compiler ${CMAKE_Fortran_COMPILER_ID} ${CMAKE_Fortran_COMPILER_VERSION} (${CMAKE_Fortran_COMPILER}) cannot be "
    "used: ${reason}${known}")
endfunction()

# The header differs between compilers (type codes, descriptor layout), and a C compiler finds only its own. The compiler's is
# copied into a folder of its own, because the folder where it lies holds headers that must not be seen by another C compiler.
function(ftorch_provide_iso_binding)
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/iso_binding/${FTORCH_COMPILER_TAG}")
  if(NOT FTORCH_ISO_FORTRAN_BINDING)
    file(REAL_PATH "${CMAKE_Fortran_COMPILER}" compiler)
    cmake_path(GET compiler PARENT_PATH bin)
    execute_process(
      COMMAND "${CMAKE_Fortran_COMPILER}" -print-file-name=include
      OUTPUT_VARIABLE own OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    find_file(FTORCH_ISO_FORTRAN_BINDING ISO_Fortran_binding.h
      PATHS "${own}" "${bin}/../include/flang" "${bin}/../include" "${bin}/../opt/compiler/include"
      NO_DEFAULT_PATH NO_CACHE)
  endif()
  if(NOT FTORCH_ISO_FORTRAN_BINDING)
    string(REGEX MATCH "^[0-9]+" major "${CMAKE_Fortran_COMPILER_VERSION}")
    set(hint "")
    if(CMAKE_Fortran_COMPILER_ID STREQUAL "LLVMFlang")
      set(hint " (on Debian: the package libflang-${major}-dev)")
    endif()
    ftorch_refuse("its header ISO_Fortran_binding.h was not found${hint}; install it, or give -DFTORCH_ISO_FORTRAN_BINDING=<file>")
  endif()
  configure_file("${FTORCH_ISO_FORTRAN_BINDING}" "${folder}/ISO_Fortran_binding.h" COPYONLY)
  set(FTORCH_ISO_BINDING_DIR "${folder}" PARENT_SCOPE)
endfunction()

# Arrays reach PyTorch by their C descriptors: a wrong one would be a wrong answer.
function(ftorch_probe_descriptors)
  if(FTORCH_DESCRIPTORS_CORRECT STREQUAL FTORCH_COMPILER_TAG)
    return()
  endif()
  ftorch_run_probe(output descriptors descriptors.f90 descriptors.c)
  if(NOT output STREQUAL "")
    ftorch_refuse("${output}")
  endif()
  set(FTORCH_DESCRIPTORS_CORRECT "${FTORCH_COMPILER_TAG}" CACHE INTERNAL "Compiler whose descriptors were found correct")
  message(STATUS "Descriptors of assumed-rank arrays: correct")
endfunction()

# A cross compilation cannot run the probe: give -DFTORCH_FUNCTION_RESULTS=finalized or kept.
function(ftorch_probe_finalization)
  if(FTORCH_FUNCTION_RESULTS)
    return()
  endif()
  ftorch_run_probe(output finalization finalization.f90)
  if(NOT output MATCHES "^(kept|finalized)$")
    ftorch_refuse("${output}")
  endif()
  set(FTORCH_FUNCTION_RESULTS "${output}" CACHE STRING "What the Fortran compiler does to the results of functions")
  message(STATUS "Results of functions are ${output} by this compiler")
endfunction()

function(ftorch_run_probe output name)
  list(TRANSFORM ARGN PREPEND "${FTORCH_PROBES}/" OUTPUT_VARIABLE sources)
  string(REGEX REPLACE "${FTORCH_WIDE_INTEGERS}" " " CMAKE_Fortran_FLAGS "${CMAKE_Fortran_FLAGS}")
  try_run(status compiled
    SOURCES ${sources}
    CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${FTORCH_ISO_BINDING_DIR}"
    COMPILE_OUTPUT_VARIABLE log
    RUN_OUTPUT_VARIABLE printed
    NO_CACHE)
  if(NOT compiled)
    set(file "${CMAKE_BINARY_DIR}/ftorch_probe_${name}.log")
    file(WRITE "${file}" "${log}")
    string(REPLACE ";" "," log "${log}")
    string(REGEX MATCHALL "[^\n]*[Ee]rror[^\n]*" lines "${log}")
    list(REMOVE_DUPLICATES lines)
    list(SUBLIST lines 0 4 lines)
    list(JOIN lines "\n" lines)
    ftorch_refuse("it does not compile the probe '${name}':\n${lines}\nAll that was said is in ${file}.")
  elseif(NOT status EQUAL 0)
    string(REGEX MATCH "[^\n]+" first "${printed}") # a backtrace of the probe helps nobody
    ftorch_refuse("the probe '${name}' stopped with ${status}: ${first}")
  endif()
  string(STRIP "${printed}" printed)
  set(${output} "${printed}" PARENT_SCOPE)
endfunction()

# ftorch_add_fortran(<target> SOURCES <files>... FTORCH1 <file> MODULE_DIR <dir> LINK <the target of libctorch> VERSION <version>
#   STUB <stub.c> STUB_ENTRIES <the folder of its entries>)
#
# Adds the shared library <target>; <target>1: the same library behind the module file that FTorch 1.1 programs expect; and
# <target>_stub: the same objects and modules over entries that all fail, so that it needs no libctorch and no PyTorch.
function(ftorch_add_fortran target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "FTORCH1;MODULE_DIR;LINK;VERSION;STUB;STUB_ENTRIES" "SOURCES")
  # Module files promise nothing beyond a minor version, so neither does the library behind them.
  string(REGEX MATCH "^[0-9]+\\.[0-9]+" soversion "${arg_VERSION}")
  add_library(${target} SHARED ${arg_SOURCES})
  target_link_libraries(${target} PUBLIC ${arg_LINK})
  target_include_directories(${target} PRIVATE "${FTORCH_ISO_BINDING_DIR}" PUBLIC "$<BUILD_INTERFACE:${arg_MODULE_DIR}>")
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME ftorch
    SOVERSION "${soversion}"
    LINKER_LANGUAGE Fortran
    POSITION_INDEPENDENT_CODE ON
    C_STANDARD 11
    C_VISIBILITY_PRESET hidden
    Fortran_MODULE_DIRECTORY "${arg_MODULE_DIR}"
    INSTALL_RPATH "$ORIGIN/..")

  # Every entry that the modules call must be in it: the linker is told to leave nothing open.
  add_library(${target}_stub SHARED "${arg_STUB}" $<TARGET_OBJECTS:${target}>)
  target_include_directories(${target}_stub
    PRIVATE "$<TARGET_PROPERTY:${arg_LINK},INTERFACE_INCLUDE_DIRECTORIES>" "${arg_STUB_ENTRIES}"
    PUBLIC "$<BUILD_INTERFACE:${arg_MODULE_DIR}>")
  target_link_options(${target}_stub PRIVATE -Wl,-z,defs)
  set_target_properties(${target}_stub PROPERTIES
    OUTPUT_NAME ftorch_stub
    SOVERSION "${soversion}"
    LINKER_LANGUAGE Fortran
    C_STANDARD 11
    C_VISIBILITY_PRESET hidden)

  # Only `use` statements: a module file and nothing to link. It is compiled by a command of its own, because two targets that
  # provide a module of one name confuse CMake's order of compilation.
  set(ftorch1_dir "${arg_MODULE_DIR}/ftorch1")
  file(MAKE_DIRECTORY "${ftorch1_dir}")
  string(STRIP "${CMAKE_Fortran_MODDIR_FLAG}" moddir_flag)
  separate_arguments(flags NATIVE_COMMAND "${CMAKE_Fortran_FLAGS}")
  add_custom_command(
    OUTPUT "${ftorch1_dir}/ftorch.mod"
    COMMAND "${CMAKE_Fortran_COMPILER}" ${flags} ${moddir_flag} "${ftorch1_dir}" -I "${arg_MODULE_DIR}"
      -c "${arg_FTORCH1}" -o "${CMAKE_CURRENT_BINARY_DIR}/ftorch1.o"
    DEPENDS ${target} "${arg_FTORCH1}"
    COMMENT "Compiling the module of the FTorch 1.1 interface"
    VERBATIM)
  add_custom_target(${target}1_module ALL DEPENDS "${ftorch1_dir}/ftorch.mod")
  add_library(${target}1 INTERFACE)
  add_dependencies(${target}1 ${target}1_module)
  target_include_directories(${target}1 INTERFACE "$<BUILD_INTERFACE:${ftorch1_dir}>")
  target_link_libraries(${target}1 INTERFACE ${target})
endfunction()

# ftorch_install_library(<target> <folder>)
#
# Installs a shared library under the name that programs look for when they start. The linker looks for a name without a version;
# a wheel holds no symbolic links, so there a line of text leads it on.
function(ftorch_install_library target folder)
  install(TARGETS ${target} LIBRARY DESTINATION "${folder}" NAMELINK_SKIP)
  get_target_property(name ${target} OUTPUT_NAME)
  if(NOT name)
    set(name ${target})
  endif()
  get_target_property(soversion ${target} SOVERSION)
  set(script "${CMAKE_CURRENT_BINARY_DIR}/for_the_linker/lib${name}.so")
  file(WRITE "${script}" "INPUT(-l:lib${name}.so.${soversion})\n")
  install(FILES "${script}" DESTINATION "${folder}")
endfunction()
