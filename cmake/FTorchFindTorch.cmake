# Finds PyTorch: defines the target ftorch_torch, FTORCH_TORCH_VERSION, FTORCH_TORCH_LIBRARY_DIR and FTORCH_TORCH_INCLUDE_DIR.
#
# -DTorch_DIR, -DTorch_ROOT and CMAKE_PREFIX_PATH win; otherwise the active Python is asked, because that is the PyTorch in which
# the user trains.
include_guard()

if(NOT Torch_DIR)
  # Asking where the package lies is instant; importing it takes seconds.
  execute_process(
    COMMAND "${Python_EXECUTABLE}" -c
      "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"
    OUTPUT_VARIABLE python_torch OUTPUT_STRIP_TRAILING_WHITESPACE)
  file(TO_CMAKE_PATH "$ENV{CMAKE_PREFIX_PATH}" prefixes)
  find_path(Torch_DIR TorchConfig.cmake
    PATHS ${Torch_ROOT} $ENV{Torch_ROOT} ${CMAKE_PREFIX_PATH} ${prefixes} ${python_torch}
    PATH_SUFFIXES share/cmake/Torch Torch
    NO_DEFAULT_PATH)
endif()
if(NOT Torch_DIR AND SKBUILD)
  message(FATAL_ERROR
    "PyTorch was not found: ${Python_EXECUTABLE} has none. Unless it is told otherwise pip builds in an environment of its own, which "
    "does not have yours. In the environment that has PyTorch, and after `pip install scikit-build-core cmake ninja fypp nlohmann-json "
    "f90wrap numpy`: pip install --no-build-isolation .")
elseif(NOT Torch_DIR)
  message(FATAL_ERROR
    "PyTorch was not found. ${Python_EXECUTABLE} has none: activate the environment that has it, install it, or give "
    "-DTorch_DIR=<the folder of TorchConfig.cmake>")
endif()

cmake_path(SET torch_root NORMALIZE "${Torch_DIR}/../../..")
string(REGEX REPLACE "/$" "" torch_root "${torch_root}")
set(FTORCH_TORCH_LIBRARY_DIR "${torch_root}/lib")
set(FTORCH_TORCH_INCLUDE_DIR "${torch_root}/include")
include("${Torch_DIR}/TorchConfigVersion.cmake")
set(FTORCH_TORCH_VERSION "${PACKAGE_VERSION}")

# TorchConfig.cmake of a CUDA wheel stops the configuration when there is no CUDA toolkit, although linking needs none. A failing
# find_package cannot be caught, so it is tried in a project of its own.
if(NOT FTORCH_TORCH_CONFIG_TRIED STREQUAL Torch_DIR)
  file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/probes") # where nothing else has made it, CMake would write no log, and not say so
  execute_process(
    COMMAND "${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/probes/torch" -B "${PROJECT_BINARY_DIR}/probes/torch"
      -G "${CMAKE_GENERATOR}" "-DCMAKE_MAKE_PROGRAM=${CMAKE_MAKE_PROGRAM}" "-DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}"
      "-DTorch_DIR=${Torch_DIR}"
    RESULT_VARIABLE failed OUTPUT_FILE "${PROJECT_BINARY_DIR}/probes/torch.log" ERROR_FILE "${PROJECT_BINARY_DIR}/probes/torch.log")
  set(FTORCH_TORCH_CONFIG_TRIED "${Torch_DIR}" CACHE INTERNAL "")
  if(failed)
    set(FTORCH_TORCH_CONFIG_WORKS OFF CACHE INTERNAL "")
  else()
    set(FTORCH_TORCH_CONFIG_WORKS ON CACHE INTERNAL "")
  endif()
endif()

add_library(ftorch_torch INTERFACE)
if(FTORCH_TORCH_CONFIG_WORKS)
  set(saved_level "${CMAKE_MESSAGE_LOG_LEVEL}")
  set(CMAKE_MESSAGE_LOG_LEVEL ERROR) # it warns about a static library that the wheels leave out
  find_package(Torch REQUIRED QUIET CONFIG)
  set(CMAKE_MESSAGE_LOG_LEVEL "${saved_level}")
  set(how "by its own CMake package")
  set(libraries torch torch_library)
else()
  set(how "by its libraries: its CMake package does not work here, see ${PROJECT_BINARY_DIR}/probes/torch.log")
  set(libraries "")
  foreach(name IN ITEMS torch torch_cpu c10 torch_cuda c10_cuda torch_hip c10_hip torch_xpu c10_xpu)
    find_library(FTORCH_TORCH_${name} ${name} PATHS "${FTORCH_TORCH_LIBRARY_DIR}" NO_DEFAULT_PATH)
    if(FTORCH_TORCH_${name})
      add_library(ftorch::${name} SHARED IMPORTED)
      set_target_properties(ftorch::${name} PROPERTIES IMPORTED_LOCATION "${FTORCH_TORCH_${name}}")
      list(APPEND libraries ftorch::${name})
    endif()
  endforeach()
endif()
foreach(folder IN ITEMS include include/torch/csrc/api/include)
  target_include_directories(ftorch_torch SYSTEM INTERFACE "${torch_root}/${folder}")
endforeach()
# A device's library registers its kernels when it is loaded and nothing refers to it by name, so the linker must be told to keep it.
target_link_options(ftorch_torch INTERFACE LINKER:--no-as-needed)
target_link_libraries(ftorch_torch INTERFACE ${libraries})
message(STATUS "PyTorch ${FTORCH_TORCH_VERSION} in ${torch_root}, found ${how}")
