ctorch_sources(error.cpp reclaim.cpp text.cpp)
