ftorch_sources(batches.f90 checkpoint.f90 clipping.f90 config.fypp ema.fypp namelist.f90 optim.f90
  optim_make.fypp optim_type.f90 report.f90 schedule.f90 schedule_rule.f90 schedule_type.f90)
