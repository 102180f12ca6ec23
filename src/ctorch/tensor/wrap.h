// A tensor that looks at memory of the program's.
#pragma once
#include <ATen/core/Tensor.h>

namespace ctorch {

// The tensor neither owns the memory nor copies it. Shape and strides (in elements) have been checked.
at::Tensor wrap(void* data, c10::IntArrayRef shape, c10::IntArrayRef strides, at::ScalarType type,
                c10::Device device = c10::kCPU);

}  // namespace ctorch
