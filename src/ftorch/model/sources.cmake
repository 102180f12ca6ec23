ftorch_sources(collector.f90 infer_arrays.fypp model.f90 names.fypp parameters.fypp request.f90)
