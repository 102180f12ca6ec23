ftorch_sources(clipping.f90 ema.fypp make.fypp optim.f90 type.fypp)
