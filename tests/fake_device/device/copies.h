// Copies over the border of a device, and what they count.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace fake {

struct Crossings {
  int64_t in = 0, out = 0, pageable = 0;
};
Crossings crossings();

at::Tensor seen_by_cpu(const at::Tensor& tensor);  // the same memory as a CPU tensor
void cross(const at::Tensor& from, const at::Tensor& to, bool non_blocking);

// What a kernel of the device has made of it: memory of the device, in which the values stand when the stream gets there.
at::Tensor made_there(const at::Tensor& values, c10::Device device);

}  // namespace fake
