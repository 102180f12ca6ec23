ctorch_sources(derivatives.cpp entries.cpp file.cpp infer.cpp infer_blocks.cpp model.cpp parameters.cpp
  watch_gradients.cpp)
