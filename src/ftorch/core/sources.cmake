ftorch_sources(compiler.fypp device_memory.f90 devices.fypp error.f90 event.f90 noise.fypp runtime.f90 text.f90 types.fypp)
