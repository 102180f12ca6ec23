// A host that is linked to PyTorch itself, and calls it before and after the library does.
#include <cstdio>
#include <stdexcept>
#include <string>

namespace at {
int get_num_threads();
}

extern "C" int host_uses_torch() {
  try {
    throw std::runtime_error(std::to_string(at::get_num_threads()));  // exceptions pass the host's own C++ run time
  } catch (const std::exception& error) {
    return std::stoi(error.what());
  }
}
