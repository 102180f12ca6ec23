ctorch_sources(environment.cpp float_call.cpp guarded_memory.cpp memory_pool.cpp ranks.cpp)
