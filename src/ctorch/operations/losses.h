// What the losses of the table of operations need beside PyTorch's functions.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ctorch {

// Checks a reduction; the numbers are PyTorch's.
int64_t reduction(int32_t given, const char* name);

// The target, if it has the input's shape: PyTorch broadcasts a column against a row, and trains on nonsense.
const at::Tensor& same_shape(const at::Tensor& target, const at::Tensor& input);
const at::Tensor& same_shape(at::Tensor&& target, const at::Tensor& input) = delete;  // it would be gone

// The target, if its numbers can be classes (int64) or probabilities (real).
const at::Tensor& classes(const at::Tensor& target);
const at::Tensor& classes(at::Tensor&& target) = delete;

at::Tensor gaussian_nll(const at::Tensor& input, const at::Tensor& target, const at::Tensor& variance, bool full, double eps,
                        int64_t reduction);

}  // namespace ctorch
