// Which devices there are, by the numbers of the C interface, which one is meant, and waiting for their work.
#pragma once
#include <c10/core/Device.h>

#include <cstdint>
#include <optional>
#include <string>

#include "ctorch_types.h"

namespace ctorch {

// Error, listing what is present, for an absent device. Index -1 is the one that is current on this thread; that of the CPU
// means nothing.
c10::Device present_device(int32_t type, int32_t index);
inline c10::Device device(int32_t type, int32_t index) {
  if (type == CTORCH_DEVICE_CPU) [[likely]]
    return c10::Device(c10::kCPU);
  return present_device(type, index);
}
int32_t device_count(int32_t type);
std::string devices_present();

// The device that memory at an address lives on. Error for memory of the host or, with an index, of another device, as far as
// the run time of these devices can tell.
c10::Device device_holding(void* data, int32_t type, int32_t index);

// The device that memory lives on; nothing for memory of the host, pinned or not, and where nobody can tell.
std::optional<c10::Device> device_of_memory(void* data, c10::DeviceType type);

void synchronize(c10::Device device);
void synchronize_stream(c10::Device device);        // this thread's stream, and no other
void use_stream(c10::Device device, void* handle);  // on this thread; null: the default one

}  // namespace ctorch
