// The memory of a device that PyTorch keeps, through the interface that its allocators share; and how much it may take.
#pragma once
#include <ATen/Context.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/Device.h>
#include <c10/util/Exception.h>

#include <cstddef>
#include <cstdint>

#include "compat/cuda.h"

namespace ctorch::compat {

// Null where a backend's allocator keeps nothing.
inline c10::DeviceAllocator* keeping_allocator(c10::DeviceType type) {
  at::globalContext().lazyInitDevice(type);
  return dynamic_cast<c10::DeviceAllocator*>(c10::GetAllocator(type));
}

struct KeptMemory {
  int64_t allocated = 0, peak = 0, reserved = 0;  // bytes: in tensors, the most that ever were, taken from the device
};

inline KeptMemory kept_memory(c10::DeviceAllocator& allocator, c10::DeviceIndex device) {
  const auto all = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  const auto stats = allocator.getDeviceStats(device);
  return {stats.allocated_bytes[all].current, stats.allocated_bytes[all].peak, stats.reserved_bytes[all].current};
}

struct WholeMemory {
  int64_t free = 0, total = 0;  // bytes of the device, whoever has them; 0 where a backend does not tell
};

inline WholeMemory whole_memory(c10::DeviceAllocator& allocator, c10::DeviceIndex device) {
  try {
    const auto [free, total] = allocator.getMemoryInfo(device);
    return {static_cast<int64_t>(free), static_cast<int64_t>(total)};
  } catch (const c10::NotImplementedError&) {
    return {};
  }
}

// The part of a device that PyTorch may take. False, with nothing changed, where it takes no limit.
inline bool limit_memory(double part, c10::Device device) {
  if (!device.is_cuda() || !cuda.limit_memory) return false;
  cuda.limit_memory(part, device.index());
  return true;
}

}  // namespace ctorch::compat
