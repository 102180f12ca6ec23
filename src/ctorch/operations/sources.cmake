ftorch_fypp("${generated}/ctorch/operations/ops.cpp" "${CMAKE_CURRENT_LIST_DIR}/ops.cpp.fypp")
ctorch_sources(losses.cpp operation.cpp reductions.cpp "${generated}/ctorch/operations/ops.cpp")
