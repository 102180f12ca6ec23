ftorch_sources(communicator.cpp device_memory.cpp error.cpp error.f90 group.cpp handler.fypp same.cpp same.fypp subgroup.cpp
  timeout.f90 waiting.cpp)
