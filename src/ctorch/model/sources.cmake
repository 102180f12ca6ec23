ctorch_sources(derivatives.cpp entries.cpp file.cpp infer.cpp model.cpp parameters.cpp)
