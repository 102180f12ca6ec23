// Devices of any kind through the one interface that PyTorch's own code has for them.
#pragma once
#include <c10/core/Device.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <cstdint>

namespace ctorch::compat {

// 0 where this PyTorch has no support for the kind.
inline int32_t count_devices(c10::DeviceType type) {
  return c10::impl::hasDeviceGuardImpl(type) ? c10::impl::VirtualGuardImpl(type).deviceCount() : 0;
}

inline void synchronize(c10::Device device) { c10::impl::VirtualGuardImpl(device.type()).synchronizeDevice(device.index()); }

}  // namespace ctorch::compat
