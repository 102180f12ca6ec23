ftorch_sources(average.cpp average.fypp broadcast.cpp device_gradients.cpp early_sums.cpp gradient_average.fypp gradients.cpp
  trainer_average.cpp trainer_average.fypp weighted_sum.cpp)
