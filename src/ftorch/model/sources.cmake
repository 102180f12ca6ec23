ftorch_sources(infer_arrays.fypp model.f90 names.fypp parameters.fypp)
