// Which devices there are, by the numbers of the C interface.
#pragma once
#include <c10/core/Device.h>

#include <cstdint>

namespace ctorch {

c10::Device device(int32_t type, int32_t index);  // error, listing what is present, for an absent device
int32_t device_count(int32_t type);
void synchronize(c10::Device device);

}  // namespace ctorch
