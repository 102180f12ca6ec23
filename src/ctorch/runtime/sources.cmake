ctorch_sources(runtime.cpp start.cpp)
