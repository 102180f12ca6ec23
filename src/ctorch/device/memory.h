// How much memory of a device PyTorch has, keeps for later, and may take.
#pragma once
#include <c10/core/Device.h>

#include <cstdint>

namespace ctorch {

// Bytes. All are 0 for the CPU, whose memory is the operating system's, and what a backend does not tell is 0.
struct DeviceMemory {
  int64_t allocated = 0;  // in tensors
  int64_t peak = 0;       // the most that ever were
  int64_t reserved = 0;   // taken from the device: tensors, and what is kept for the next ones
  int64_t free = 0;       // of the device, whoever has the rest
  int64_t total = 0;
};

DeviceMemory memory_of(c10::Device device);
void empty_cache(c10::DeviceType type);  // gives back what is kept and in no tensor
void limit_memory(c10::Device device, int64_t bytes);

}  // namespace ctorch
