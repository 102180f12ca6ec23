# Where things are installed, and the files by which other projects find them. The libraries install themselves, beside their
# sources. A wheel and `cmake --install` give the same tree; everything in it refers to its neighbours relatively.
include_guard()
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(FTORCH_CMAKE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/FTorch")
set(FTORCH_SHARE_DIR "${CMAKE_INSTALL_DATADIR}/ftorch")

configure_package_config_file(cmake/FTorchConfig.cmake.in "${PROJECT_BINARY_DIR}/FTorchConfig.cmake"
  INSTALL_DESTINATION "${FTORCH_CMAKE_DIR}"
  PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR FTORCH_SHARE_DIR
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/FTorchConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(
  FILES "${PROJECT_BINARY_DIR}/FTorchConfig.cmake" "${PROJECT_BINARY_DIR}/FTorchConfigVersion.cmake" cmake/FTorchFortran.cmake
    cmake/FTorchMpi.cmake
  DESTINATION "${FTORCH_CMAKE_DIR}")
install(DIRECTORY cmake/probes DESTINATION "${FTORCH_CMAKE_DIR}" PATTERN torch EXCLUDE)

# The project that adds the Fortran interface of another compiler to an installation.
cmake_path(RELATIVE_PATH FTORCH_CMAKE_DIR BASE_DIRECTORY "${FTORCH_SHARE_DIR}" OUTPUT_VARIABLE FTORCH_CMAKE_DIR_FROM_SHARE)
configure_file(cmake/AddCompiler.cmake.in "${PROJECT_BINARY_DIR}/AddCompiler/CMakeLists.txt" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/AddCompiler/CMakeLists.txt" DESTINATION "${FTORCH_SHARE_DIR}")

# And the one that adds ftorch_mpi for an MPI.
cmake_path(RELATIVE_PATH FTORCH_CMAKE_DIR BASE_DIRECTORY "${FTORCH_SHARE_DIR}/mpi" OUTPUT_VARIABLE FTORCH_CMAKE_DIR_FROM_SHARE_MPI)
configure_file(cmake/AddMpi.cmake.in "${PROJECT_BINARY_DIR}/AddMpi/CMakeLists.txt" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/AddMpi/CMakeLists.txt" DESTINATION "${FTORCH_SHARE_DIR}/mpi")

set(pkgconfig "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}/${pkgconfig}" OUTPUT_VARIABLE FTORCH_PC_PREFIX)
foreach(name IN ITEMS ftorch ftorch1 ftorch_mpi ftorch_stub)
  configure_file(cmake/${name}.pc.in "${PROJECT_BINARY_DIR}/${name}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${name}.pc" DESTINATION "${pkgconfig}")
endforeach()
