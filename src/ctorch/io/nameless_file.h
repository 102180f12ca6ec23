// Files that have no name: nobody else can find them, and they are gone with the last descriptor.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "io/atomic_file.h"

namespace ctorch {

// Folders where files can be, in the order in which they are tried.
std::vector<std::string> folders_for_files();

enum class Use { run, read };

// A file with these bytes, in memory where possible; `words` begin the message when this process gets none.
Descriptor nameless_file(std::span<const char> bytes, Use use, const std::string& words);

}  // namespace ctorch
