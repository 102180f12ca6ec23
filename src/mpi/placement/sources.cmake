ftorch_sources(devices.cpp devices.fypp node.cpp report.cpp report.fypp threads.cpp threads.fypp)
