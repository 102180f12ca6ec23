ftorch_sources(state.fypp trainer.fypp)
