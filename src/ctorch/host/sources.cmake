ctorch_sources(environment.cpp float_call.cpp memory_pool.cpp ranks.cpp)
