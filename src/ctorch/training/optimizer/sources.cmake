ftorch_fypp("${generated}/ctorch/training/optimizer/options.h" "${CMAKE_CURRENT_LIST_DIR}/options.h.fypp")
ftorch_fypp("${generated}/ctorch/training/optimizer/make.cpp" "${CMAKE_CURRENT_LIST_DIR}/make.cpp.fypp")
ctorch_sources(arguments.cpp averages.cpp clipping.cpp entries.cpp lbfgs.cpp optimizer.cpp rules.cpp
  "${generated}/ctorch/training/optimizer/make.cpp")
