include("${CMAKE_CURRENT_LIST_DIR}/probe.cmake")
ctorch_sources(aoti_runner.cpp code_errors.cpp graph.cpp version.cpp warnings.cpp)
