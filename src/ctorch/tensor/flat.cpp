// Entries that lay tensors of a device one after another, so that one copy or one message takes all of them.
#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <vector>

#include "compat/device_memory.h"
#include "ctorch_tensor.h"
#include "device/device.h"
#include "tensor/dtype_table.h"
#include "tensor/handle.h"

using namespace ctorch;

namespace {

std::vector<at::Tensor> values_of(const ctorch_tensor* tensors, int32_t n_tensors) {
  if (n_tensors) require(tensors, "tensors");
  std::vector<at::Tensor> values;
  values.reserve(static_cast<size_t>(std::max(n_tensors, 0)));
  for (int32_t i = 0; i < n_tensors; ++i) values.push_back(*Input(&tensors[i], "tensors", i + 1));
  return values;
}

}  // namespace

extern "C" {

int32_t ctorch_tensor_join(const ctorch_tensor* tensors, int32_t n_tensors, int32_t dtype, ctorch_tensor* flat) {
  return compute([&] {
    require(flat, "flat");
    at::NoGradGuard values_only;
    std::vector<at::Tensor> rows = values_of(tensors, n_tensors);
    if (rows.empty()) fail(CTORCH_ERROR_ARGUMENT, "argument 'tensors': expected at least one, got none");
    const auto type = scalar_type(dtype);
    for (at::Tensor& row : rows) row = row.reshape({-1}).to(type);
    store(flat, at::cat(rows));
  });
}

int32_t ctorch_tensor_part(const ctorch_tensor* flat, const ctorch_tensor* tensors, int32_t n_tensors) {
  return compute([&] {
    at::NoGradGuard values_only;
    Input from(flat, "flat");
    int64_t numbers = 0;
    const std::vector<at::Tensor> targets = values_of(tensors, n_tensors);
    for (const at::Tensor& target : targets) numbers += target.numel();
    if (from->dim() != 1 || from->numel() != numbers)
      fail(CTORCH_ERROR_ARGUMENT, "argument 'flat': expected one dimension of ", numbers, " elements, got ", describe(*from));
    int64_t offset = 0;
    for (const at::Tensor& target : targets) {
      target.copy_(from->narrow(0, offset, target.numel()).view(target.sizes()));
      offset += target.numel();
    }
  });
}

int32_t ctorch_tensor_weigh(const ctorch_tensor* tensor, double weight, int64_t* unusual) {
  return compute([&] {
    require(unusual, "unusual");
    at::NoGradGuard values_only;
    Input numbers(tensor, "tensor");
    *unusual = -1;
    if (weight == 0) {
      numbers->zero_();
    } else {
      const at::Tensor odd = at::isfinite(*numbers).logical_not_();
      numbers->mul_(weight);
      if (odd.any().item<bool>()) *unusual = odd.reshape({-1}).nonzero()[0].item<int64_t>();
    }
    synchronize_stream(numbers->device());
  });
}

int32_t ctorch_tensor_fetch(const ctorch_tensor* source, ctorch_tensor* target) {
  return compute([&] {
    require(target, "target");
    at::NoGradGuard values_only;
    Input from(source, "source");
    const bool pinned = !from->is_cpu() && compat::pinned_allocator(from->device().type());
    store(target, at::empty_like(*from, from->options().device(at::kCPU).pinned_memory(pinned)).copy_(*from));
  });
}

}  // extern "C"
