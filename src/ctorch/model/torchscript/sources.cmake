ctorch_sources(backend.cpp)
