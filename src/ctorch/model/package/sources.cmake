ctorch_sources(aoti.cpp backend.cpp direct.cpp isa.cpp kernel.cpp library.cpp package.cpp
  runs_here.cpp save.cpp variants.cpp weights.cpp)
