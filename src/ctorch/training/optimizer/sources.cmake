ctorch_sources(entries.cpp gradients.cpp lbfgs.cpp optimizer.cpp rules.cpp)
