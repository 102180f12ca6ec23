ctorch_sources(architecture.cpp device.cpp entries.cpp event.cpp memory.cpp products.cpp staging.cpp)
