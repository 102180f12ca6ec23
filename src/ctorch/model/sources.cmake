ctorch_sources(call_counter.cpp derivatives.cpp entries.cpp file.cpp model.cpp parameters.cpp)
