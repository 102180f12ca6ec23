ctorch_sources(contract.cpp entries.cpp trainer.cpp)
