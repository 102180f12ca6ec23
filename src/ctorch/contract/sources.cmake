ctorch_sources(spec.cpp values.cpp)
