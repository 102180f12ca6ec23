ftorch_sources(functions.fypp intrinsics.fypp loss.fypp operators.fypp reductions.f90)
