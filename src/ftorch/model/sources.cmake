ftorch_sources(model.f90 names.fypp parameters.fypp)
