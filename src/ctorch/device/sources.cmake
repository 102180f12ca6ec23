ctorch_sources(architecture.cpp device.cpp entries.cpp products.cpp staging.cpp)
