ftorch_sources(trainer.fypp)
