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

}  // namespace fake
