// The states of PyTorch's random generators.
#pragma once
#include <ATen/core/Tensor.h>

namespace ctorch {

// A copy of the state: bytes, on the CPU.
at::Tensor random_state(c10::Device device);

// Throws, changing nothing, for a tensor that is no state of this device's generator.
void check_random_state(c10::Device device, const at::Tensor& state);
void set_random_state(c10::Device device, const at::Tensor& state);

}  // namespace ctorch
