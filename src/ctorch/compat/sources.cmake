include("${CMAKE_CURRENT_LIST_DIR}/probe.cmake")
ctorch_sources(aoti_runner.cpp code_errors.cpp device_graph.cpp graph.cpp version.cpp warnings.cpp)

# What is for CUDA alone needs CUDA's headers, some of which do not come with a PyTorch from pip.
if(EXISTS "${FTORCH_TORCH_LIBRARY_DIR}/libtorch_cuda.so")
  file(GLOB packages "${FTORCH_TORCH_LIBRARY_DIR}/../../nvidia/*/include")
  find_path(FTORCH_CUDA_INCLUDE_DIR NAMES crt/host_config.h
    HINTS "$ENV{CUDA_PATH}/include" "$ENV{CUDA_HOME}/include" ${packages} PATHS /usr/local/cuda/include)
  if(FTORCH_CUDA_INCLUDE_DIR)
    message(STATUS "CUDA graphs and memory limits: with the headers in ${FTORCH_CUDA_INCLUDE_DIR}")
    ctorch_sources(cuda.cpp)
    set_source_files_properties("${CMAKE_CURRENT_LIST_DIR}/cuda.cpp" PROPERTIES
      SKIP_UNITY_BUILD_INCLUSION ON COMPILE_OPTIONS "-isystem;${FTORCH_CUDA_INCLUDE_DIR}")
  else()
    message(STATUS "CUDA graphs and memory limits: left out, there is no crt/host_config.h of a CUDA toolkit; install one "
      "(in pip: nvidia-cuda-crt), or give -DFTORCH_CUDA_INCLUDE_DIR")
  endif()
endif()
