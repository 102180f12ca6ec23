#include "tensor/memory.h"

#include <ATen/Functions.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/SmallVector.h>

#include <algorithm>

#include "ctorch_array.h"
#include "tensor/conversion.h"

namespace ctorch {
namespace {

struct Span {
  const char* first;
  const char* last;
};

Span span(const at::Tensor& tensor) {
  int64_t extent = tensor.numel() ? 1 : 0;
  for (int64_t d = 0; d < tensor.dim() && extent; ++d) extent += (tensor.size(d) - 1) * tensor.stride(d);
  const char* first = static_cast<const char*>(tensor.const_data_ptr());
  return {first, first + extent * tensor.element_size()};
}

using Kept = std::shared_ptr<WatchedMemory>;

void let_go(void* kept) { delete static_cast<Kept*>(kept); }

}  // namespace

at::Tensor copy_in_order(const at::Tensor& tensor, bool first_fastest) {
  const auto sizes = tensor.sizes();
  c10::SmallVector<int64_t, CTORCH_MAX_RANK> strides(sizes.size());
  int64_t stride = 1;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const size_t d = first_fastest ? i : sizes.size() - 1 - i;
    strides[d] = stride;
    stride *= std::max<int64_t>(sizes[d], 1);
  }
  at::Tensor copy = at::empty_strided(sizes, strides, tensor.options());
  copy.copy_(tensor);
  return copy;
}

at::Tensor tensor_in(std::shared_ptr<WatchedMemory> memory, void* address, c10::IntArrayRef shape, c10::ScalarType dtype) {
  const c10::InferenceMode ordinary(false);  // whatever scope the program is in: what writes there is ordinary code
  return at::for_blob(address, shape)
      .context(new Kept(std::move(memory)), &let_go)
      .options(at::TensorOptions(dtype))
      .make_tensor();
}

void note_address_given(const at::Tensor& tensor) {
  if (!tensor.has_storage()) return;
  const at::DataPtr& data = tensor.storage().data_ptr();
  if (data.get_deleter() == &let_go) (*static_cast<Kept*>(data.get_context()))->address_given.store(true);
}

bool overlaps(const at::Tensor& a, const at::Tensor& b) {
  if (a.device() != b.device()) return false;
  const Span x = span(a), y = span(b);
  return x.first < y.last && y.first < x.last;
}

at::Tensor copy_if_overlapping(const at::Tensor& source, const at::Tensor& target) {
  if (!overlaps(source, target)) [[likely]]
    return source;
  const bool in_step = source.const_data_ptr() == target.const_data_ptr() && source.scalar_type() == target.scalar_type() &&
                       source.sizes() == target.sizes() && source.strides() == target.strides();
  return in_step ? source : source.clone();
}

void check_extent(c10::IntArrayRef sizes, c10::IntArrayRef strides, int64_t unit, int64_t element_bytes, const char* noun) {
  int64_t bytes = element_bytes, reach = element_bytes, step = 0;
  bool too_far = false;
  for (size_t d = 0; d < sizes.size(); ++d) {
    too_far |= __builtin_mul_overflow(bytes, sizes[d], &bytes);
    if (sizes[d] <= 1) continue;  // nobody steps there, and the stride may be anything
    too_far |= __builtin_mul_overflow(strides[d], unit, &step);
    too_far |= __builtin_mul_overflow(sizes[d] - 1, step, &step);
    too_far |= __builtin_add_overflow(reach, step, &reach);
  }
  if (too_far) [[unlikely]]
    fail(CTORCH_ERROR_ARGUMENT, noun, ": ", shape_text(sizes), " in steps of ", shape_text(strides),
         unit == 1 ? " bytes" : " elements",
         " does not fit into memory; expected the extents and strides of an array that is there");
}

void check_plain(const at::Tensor& tensor) {
  if (!plain(tensor))
    fail(
        CTORCH_ERROR_ARGUMENT, "the values of the ", describe(tensor),
        " do not lie at its address: they are conjugated or negated when they are read; copy them with torch_tensor_clone first");
}

}  // namespace ctorch
