ftorch_sources(entries.cpp load.fypp shared_file.cpp)
