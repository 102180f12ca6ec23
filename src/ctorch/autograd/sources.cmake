ctorch_sources(derivative.cpp entries.cpp grad_mode.cpp)
