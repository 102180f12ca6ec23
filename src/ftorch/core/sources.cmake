ftorch_sources(compiler.fypp devices.fypp error.f90 runtime.f90 text.f90 types.fypp)
