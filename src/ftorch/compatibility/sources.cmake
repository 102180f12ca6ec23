ftorch_sources(teaching.f90 test_utils.fypp)
