ctorch_sources(spec.cpp)
