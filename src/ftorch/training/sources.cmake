ftorch_sources(batches.f90 checkpoint.f90 config.fypp namelist.f90 report.f90 schedule.f90 schedule_rule.f90 schedule_type.f90)
