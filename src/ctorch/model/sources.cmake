ctorch_sources(call.cpp derivatives.cpp entries.cpp file.cpp graphs.cpp infer.cpp infer_blocks.cpp model.cpp parameters.cpp request.cpp
  sample.cpp watch_gradients.cpp)
