ctorch_sources(backend.cpp random_operators.cpp)
