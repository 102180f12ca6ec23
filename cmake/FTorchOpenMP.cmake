# Finds OpenMP for the C++ code: there can be only one run time of it in a process, and it is PyTorch's.
include_guard()

find_package(OpenMP REQUIRED COMPONENTS CXX)
if("omp" IN_LIST OpenMP_CXX_LIB_NAMES OR "iomp5" IN_LIST OpenMP_CXX_LIB_NAMES)
  execute_process(
    COMMAND "${CMAKE_READELF}" -d "${FTORCH_TORCH_LIBRARY_DIR}/libtorch_cpu.so" OUTPUT_VARIABLE needed ERROR_QUIET)
  if(needed MATCHES "libgomp")
    message(FATAL_ERROR
      "The C++ compiler ${CMAKE_CXX_COMPILER_ID} (${CMAKE_CXX_COMPILER}) has LLVM's run time of OpenMP, and PyTorch in ${torch_root} that of "
      "GCC. With both in one process, thread counts and floating-point traps would be set in the wrong one. Give "
      "-DCMAKE_CXX_COMPILER=g++; the C and Fortran compilers may stay.")
  endif()
endif()
