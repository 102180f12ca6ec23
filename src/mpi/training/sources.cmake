ftorch_sources(average.cpp average.fypp early_sums.cpp gradient_average.fypp broadcast.cpp gradients.cpp weighted_sum.cpp trainer_average.cpp trainer_average.fypp)
