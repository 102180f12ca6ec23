ftorch_sources(average.cpp average.fypp broadcast.cpp gradients.cpp)
