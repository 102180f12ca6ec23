ftorch_fypp("${generated}/ctorch/tensor/dtype_table.h" "${CMAKE_CURRENT_LIST_DIR}/dtype_table.h.fypp")
ctorch_sources(array.cpp conversion.cpp elements.cpp flat.cpp memory.cpp pinned.cpp random.cpp tensor.cpp)
