// Host arrays as tensors: reading the description a compiler gives, and refusing what strides cannot express.
#pragma once
#include <c10/util/SmallVector.h>

#include "ctorch_array.h"
#include "tensor/handle.h"

namespace ctorch {

// Shape and strides (in elements) of the tensor that shows an array.
struct ArrayView {
  c10::SmallVector<int64_t, CTORCH_MAX_RANK> shape;
  c10::SmallVector<int64_t, CTORCH_MAX_RANK> strides;
};

// Refuses what is no array of numbers: unallocated, assumed-size, character, derived type; returns its dtype, or `dtype` when
// that one shares the array's storage. `copies` says that the caller makes a copy, which a logical of any size can have.
int32_t array_dtype(const ctorch_array& array, int32_t dtype, const char* noun, bool copies = false);

// Shape and strides in the tensor's order of dimensions; negative and fractional strides are errors.
ArrayView array_view(const ctorch_array& array, const char* noun);

// Whether an array lies in the memory of a device: between host_data or use_device_addr and their end its address is one of the
// device. Memory of another one than `where` is an error, which calls whoever computes there by its noun.
bool lies_on_device(const ctorch_array& array, c10::Device where, const std::string& word, const char* noun);

// Tensor over the array's own memory, which is that of a device or of the host.
at::Tensor array_tensor(const ctorch_array& array, const ArrayView& view, int32_t dtype, c10::Device where = c10::kCPU);

}  // namespace ctorch
