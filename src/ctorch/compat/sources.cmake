include("${CMAKE_CURRENT_LIST_DIR}/probe.cmake")
ctorch_sources(aoti_runner.cpp graph.cpp version.cpp warnings.cpp)
