// The process: which PyTorch is loaded.
#pragma once
#include <string>

namespace ctorch {

// The version of the libtorch that is loaded, not of the headers this was compiled with.
const std::string& torch_version();

}  // namespace ctorch
