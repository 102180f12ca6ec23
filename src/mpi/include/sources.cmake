set(prototypes "${CMAKE_CURRENT_LIST_DIR}/ctorch_mpi.h")
