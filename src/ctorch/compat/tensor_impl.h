// What stands behind a tensor: which object it is, how often its values have changed, how it lies in memory.
#pragma once
#include <ATen/EmptyTensor.h>
#include <ATen/MemoryOverlap.h>
#include <ATen/core/Tensor.h>
#include <c10/core/InferenceMode.h>

#include <cstdint>
#include <utility>

namespace ctorch::compat {

// What tells one tensor from another: two variables of one tensor have the same.
inline const c10::TensorImpl* identity(const at::Tensor& tensor) { return tensor.unsafeGetTensorImpl(); }

// Counts the changes of its values. Inference tensors have no such count.
inline uint32_t version_of(const at::Tensor& tensor) {
  return tensor.unsafeGetTensorImpl()->version_counter().current_version();
}

// After values were written without PyTorch, so that autograd and packed weights see it.
inline void note_written(const at::Tensor& tensor) {
  if (!tensor.is_inference()) tensor.unsafeGetTensorImpl()->bump_version();
}

// The same memory as an inference tensor. A view of an ordinary weight records where it came from, in case a gradient is wanted
// some day; a Linear makes such a view, and that is a fifth of a small network's time.
inline at::Tensor inference_alias(const at::Tensor& tensor) {
  c10::InferenceMode mode;
  auto alias = at::detail::make_tensor<c10::TensorImpl>(c10::Storage(tensor.storage()), tensor.key_set(), tensor.dtype());
  alias.unsafeGetTensorImpl()->set_sizes_and_strides(tensor.sizes(), tensor.strides(), tensor.storage_offset());
  return alias;
}

// A CPU tensor that looks at memory of the program's; shape and strides (in elements) have been checked. These are the last
// steps of at::for_blob, which a host may take thousands of times in each step of its own: what comes before them there finds
// the device and switches the dispatcher off and on, which a tensor on the CPU does not need.
inline at::Tensor wrap(void* data, c10::IntArrayRef shape, c10::IntArrayRef strides, at::ScalarType type) {
  const caffe2::TypeMeta meta = c10::scalarTypeToTypeMeta(type);
  c10::Storage memory(c10::Storage::use_byte_size_t(), at::detail::computeStorageNbytes(shape, strides, meta.itemsize()),
                      c10::DataPtr(data, c10::kCPU), nullptr, false);
  auto tensor = at::detail::make_tensor<c10::TensorImpl>(std::move(memory), c10::DispatchKeySet(c10::DispatchKey::CPU), meta);
  tensor.unsafeGetTensorImpl()->set_sizes_and_strides(shape, strides);
  return tensor;
}

// Whether several elements are one place in memory, as those of expanded dimensions are.
inline bool has_repeated_elements(const at::Tensor& tensor) { return at::has_internal_overlap(tensor) == at::MemOverlap::Yes; }

}  // namespace ctorch::compat
