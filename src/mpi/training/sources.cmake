ftorch_sources(trainer_average.cpp trainer_average.fypp)
