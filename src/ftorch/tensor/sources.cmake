ftorch_sources(arguments.f90 arrays.fypp create.fypp descriptor.c.fypp elements.fypp random.f90 type.fypp)
