ctorch_sources(archive.cpp atomic_file.cpp content.cpp nameless_file.cpp pickle.cpp sha256.cpp state.cpp zip_writer.cpp)
