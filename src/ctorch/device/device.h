// Which devices there are, by the numbers of the C interface.
#pragma once
#include <c10/core/Device.h>

#include <cstdint>

#include "ctorch_types.h"

namespace ctorch {

c10::Device present_device(int32_t type, int32_t index);  // error, listing what is present, for an absent device
inline c10::Device device(int32_t type, int32_t index) {
  if (type == CTORCH_DEVICE_CPU && index <= 0) [[likely]]
    return c10::Device(c10::kCPU);
  return present_device(type, index);
}
int32_t device_count(int32_t type);
void synchronize(c10::Device device);

}  // namespace ctorch
