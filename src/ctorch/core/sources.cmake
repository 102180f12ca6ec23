ctorch_sources(error.cpp reclaim.cpp)
