ftorch_sources(entries.cpp field.cpp message.cpp owners.cpp pool.cpp pool.fypp)
