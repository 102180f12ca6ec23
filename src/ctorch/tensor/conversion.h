// Between the numbers of the C interface and PyTorch's own types, and words for both.
#pragma once
#include <ATen/core/Tensor.h>

#include <string>

#include "core/error.h"
#include "device/device.h"

namespace ctorch {

c10::ScalarType scalar_type(int32_t dtype);  // error for an unknown code
int32_t dtype_code(c10::ScalarType type);    // error for a type without a code
c10::ScalarType scalar_type_named(const std::string& label);
const char* label(int32_t dtype);  // "float32"
std::string label(c10::ScalarType type);
int32_t storage_dtype(int32_t dtype);  // the dtype whose Fortran type stores it
inline bool differentiable(c10::ScalarType type) { return c10::isFloatingType(type) || c10::isComplexType(type); }
std::string shape_text(c10::IntArrayRef shape);  // "[2, 3]"
std::string describe(const at::Tensor& tensor);  // "float32 [2, 3]"

}  // namespace ctorch
