ctorch_sources(contract.cpp entries.cpp exchange.cpp trainer.cpp)
