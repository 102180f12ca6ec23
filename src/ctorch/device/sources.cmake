ctorch_sources(device.cpp entries.cpp)
