// What PyTorch has for CUDA alone. It is compiled where this PyTorch is built for CUDA and CUDA's headers are found.
#pragma once
#include <c10/core/Device.h>

#include <memory>

#include "compat/device_graph.h"

namespace ctorch::compat {

// Null pointers where it is not compiled in.
struct CudaPart {
  std::unique_ptr<DeviceGraph> (*new_graph)() = nullptr;
  void (*limit_memory)(double part, c10::DeviceIndex device) = nullptr;
};
inline constinit CudaPart cuda;

}  // namespace ctorch::compat
