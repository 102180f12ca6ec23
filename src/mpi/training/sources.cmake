ftorch_sources(average.cpp average.fypp broadcast.cpp gradients.cpp trainer_average.cpp trainer_average.fypp)
