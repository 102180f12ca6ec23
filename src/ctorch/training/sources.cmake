ctorch_sources(checkpoint.cpp)
