ctorch_sources(device.cpp)
