ftorch_sources(interface_2023.f90 test_utils.fypp)
