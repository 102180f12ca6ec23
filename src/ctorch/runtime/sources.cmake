ctorch_sources(prepare.cpp runtime.cpp start.cpp)
