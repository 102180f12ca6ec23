ctorch_sources(architecture.cpp device.cpp entries.cpp event.cpp memory.cpp staging.cpp)
