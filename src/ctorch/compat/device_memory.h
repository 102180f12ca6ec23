// Whose memory an address is, and pinned memory: memory of the host that devices read and write by themselves.
#pragma once
#include <ATen/Context.h>
#include <c10/core/Allocator.h>
#include <c10/core/Device.h>
#include <c10/util/Exception.h>

#include <cstddef>
#include <optional>
#include <string>

namespace ctorch::compat {

// The device whose memory an address lies in; nothing where this backend cannot tell. Throws c10::Error for memory of none.
inline std::optional<c10::Device> device_of(void* address, c10::DeviceType type) {
  try {
    return at::globalContext().getDeviceFromPtr(address, type);
  } catch (const c10::NotImplementedError&) {
    return std::nullopt;
  } catch (const c10::Error& error) {
    if (std::string(error.what_without_backtrace()).find("doesn't support") == std::string::npos) throw;
    return std::nullopt;
  }
}

// PyTorch says no until it has started these devices, whatever the program has pinned.
inline bool is_pinned(const void* address, c10::DeviceType type) {
  at::globalContext().lazyInitDevice(type);
  return at::globalContext().isPinnedPtr(address, type);
}

// Null where a backend has none. What MPS computes with is the host's memory anyway.
inline c10::Allocator* pinned_allocator(c10::DeviceType type) {
  if (type == c10::kMPS) return nullptr;
  try {
    return at::globalContext().getPinnedMemoryAllocator(type);
  } catch (const c10::Error&) {
    return nullptr;
  }
}

// Which kind of device pinned memory is for, in a process: PyTorch allows one. None where it was built for one that is not
// there.
inline std::optional<c10::DeviceType> accelerator() {
  return at::accelerator::deviceCount() > 0 ? at::getAccelerator() : std::nullopt;
}

}  // namespace ctorch::compat
