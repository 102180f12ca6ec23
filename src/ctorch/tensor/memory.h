// Memory that tensors have in common: what is written must not change what is still to be read.
#pragma once
#include <ATen/core/Tensor.h>

#include <atomic>
#include <cstdint>
#include <memory>

namespace ctorch {

// Whether a tensor's values are the bytes at its address: not so for one that is conjugated or negated whenever it is read.
// What copies memory by address asks this first.
inline bool plain(const at::Tensor& tensor) {
  return tensor.layout() == at::kStrided && !tensor.is_conj() && !tensor.is_neg() && !tensor.is_quantized();
}

// Replaces a tensor that is not by a copy of the same values.
inline void make_plain(at::Tensor& tensor) {
  if (tensor.is_conj() || tensor.is_neg()) [[unlikely]]
    tensor = tensor.resolve_conj().resolve_neg();
}

// Whether elements lie one after another, the first index or the last one fastest. A step of one stride is `unit` bytes or
// elements; strides of dimensions of one element may be anything.
inline bool fills_memory(c10::IntArrayRef sizes, c10::IntArrayRef strides, int64_t unit, bool first_fastest) {
  int64_t expected = unit;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const size_t d = first_fastest ? i : sizes.size() - 1 - i;
    if (sizes[d] != 1 && strides[d] != expected) return false;
    expected *= sizes[d];
  }
  return true;
}

// A copy of the same values whose elements lie one after another, the first index or the last one fastest.
at::Tensor copy_in_order(const at::Tensor& tensor, bool first_fastest);

// Whether the bytes from the first to the last element of one tensor meet those of another.
bool overlaps(const at::Tensor& a, const at::Tensor& b);

// The source itself, or a copy if writing the target element by element would change elements not yet read.
at::Tensor copy_if_overlapping(const at::Tensor& source, const at::Tensor& target);

// Refuses a shape whose elements cannot be counted or lie further apart than addresses reach: PyTorch would end the process
// over it. A step of one stride is `unit` bytes, an element is `element_bytes`.
void check_extent(c10::IntArrayRef sizes, c10::IntArrayRef strides, int64_t unit, int64_t element_bytes, const char* noun);

// Refuses a tensor whose values do not lie at its address.
void check_plain(const at::Tensor& tensor);

// Memory that compiled code may have a copy of. Who was told an address in it may write there without anybody noticing.
struct WatchedMemory {
  std::atomic<bool> address_given{false};
};

// A tensor over a part of it, which keeps it.
at::Tensor tensor_in(std::shared_ptr<WatchedMemory> memory, void* address, c10::IntArrayRef shape, c10::ScalarType dtype);

// Called wherever the address of a tensor goes out of the library.
void note_address_given(const at::Tensor& tensor);

}  // namespace ctorch
