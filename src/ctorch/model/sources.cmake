ctorch_sources(derivatives.cpp entries.cpp file.cpp model.cpp parameters.cpp)
