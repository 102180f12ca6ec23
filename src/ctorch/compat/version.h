// The libtorch of this process.
#pragma once
#include <string>

namespace ctorch::compat {

// The version of the libtorch that is loaded, not of the headers this was compiled with.
const std::string& torch_version();

// An address in the library that computes on the CPU.
const void* address_in_libtorch_cpu();

// PyTorch's errors come back as statuses: it writes none to standard error any more.
void silence_log();

}  // namespace ctorch::compat
