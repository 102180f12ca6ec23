// Devices, and which one a rank takes.
#pragma once
#include <cstdint>

namespace ftorch {

struct DeviceKind {
  int32_t type = 0;  // CTORCH_DEVICE_*
  const char* name = "cpu";
  int count = 0;  // that this process sees; none on the CPU
};

// The devices of a type, or of the first type of which there are any; where there are none, the CPU. Loads PyTorch.
DeviceKind devices_of(int32_t wanted);

// Which of the devices of a machine: each rank one of its own where there are enough, else as many ranks on each. Neighbours
// share: they are bound to neighbouring cores, which are near one device.
constexpr int device_of(int rank, int ranks, int devices) {
  if (devices == 0) return -1;
  if (ranks <= devices) return rank;
  return static_cast<int>(int64_t{rank} * devices / ranks);
}

}  // namespace ftorch
