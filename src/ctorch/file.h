// Files that appear under their name only when they are complete, whenever the program or the machine may stop.
#pragma once
#include <cstddef>
#include <functional>
#include <string>

namespace ctorch {

// Takes the next bytes of a file. It always says that it has taken all: PyTorch's writer ends the program when it is told of a
// failure twice, so a failure is kept for the end.
using Writer = std::function<size_t(const void*, size_t)>;

// Writes `path` through a temporary file beside it (`path`.part): everything goes to the disk, then the file gets its name in
// one step, then the folder goes to the disk. When anything fails the old file is as it was and the temporary one is gone; one
// that a killed process left is used again by the next call.
void write_file(const std::string& path, const std::function<void(const Writer&)>& fill);

}  // namespace ctorch
