ctorch_sources(architecture.cpp device.cpp entries.cpp staging.cpp)
