ftorch_sources(autograd.f90 grad_mode.f90 gradient_check.f90)
