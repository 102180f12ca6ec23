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

// Tensor over the array's own memory.
at::Tensor array_tensor(const ctorch_array& array, const ArrayView& view, int32_t dtype);

}  // namespace ctorch
