ftorch_sources(checkpoint.f90 config.fypp data.f90 ema.fypp gradients.f90 namelist.f90 optim.f90
  optim_make.fypp optim_type.f90 report.f90 schedule.f90 schedule_rule.f90 schedule_type.f90)
