#include "copies.h"

#include <ATen/Functions.h>

#include <atomic>
#include <cstring>

#include "graphs.h"
#include "memory.h"
#include "streams.h"

namespace fake {
namespace {

std::atomic<int64_t> n_in{0}, n_out{0}, n_pageable{0};

bool still_there(const at::Tensor& tensor, const Block& block) {
  return tensor.is_cpu() || tensor.numel() == 0 || is_alive(block);
}

// The memory of a tensor, without whatever PyTorch knows of the tensor.
at::Tensor bare(const at::Tensor& tensor) {
  return at::from_blob(tensor.data_ptr(), tensor.sizes(), tensor.strides(), at::TensorOptions(tensor.scalar_type()));
}

void copy_now(const at::Tensor& from, const at::Tensor& to) { bare(to).copy_(bare(from)); }

void copy_later(Queue& queue, const at::Tensor& from, const at::Tensor& to) {
  const Block source = block_at(from.const_data_ptr()), target = block_at(to.const_data_ptr());
  queue.add([=] {
    if (still_there(from, source) && still_there(to, target)) copy_now(from, to);
  });
}

}  // namespace

Crossings crossings() { return {n_in, n_out, n_pageable}; }

at::Tensor seen_by_cpu(const at::Tensor& tensor) { return tensor.is_cpu() ? tensor : bare(tensor); }

at::Tensor made_there(const at::Tensor& values, c10::Device device) {
  const at::Tensor made = at::empty_strided(values.sizes(), values.strides(), values.options().device(device));
  std::memset(made.data_ptr(), 0xff, made.nbytes());  // nobody takes that for a result
  copy_later(current_queue(device.index()), values, made);
  return made;
}

void cross(const at::Tensor& from, const at::Tensor& to, bool non_blocking) {
  if (from.is_cpu() && to.is_cpu()) return copy_now(from, to);
  if (recording()) {
    TORCH_CHECK(!from.is_cpu() && !to.is_cpu(), "operation not permitted when stream is capturing: a copy from or to the host");
    return record([from = as_recorded(from), to = as_recorded(to)] { copy_now(from, to); });
  }
  Queue& queue = current_queue(from.is_cpu() ? to.device().index() : from.device().index());
  if (!from.is_cpu() && !to.is_cpu()) {
    Queue& other = current_queue(to.device().index());
    order(other, queue);
    copy_later(queue, from, to);
    return order(queue, other);
  }
  const at::Tensor& host = from.is_cpu() ? from : to;
  const bool pinned = host.numel() == 0 || is_pinned(host.const_data_ptr());
  ++(from.is_cpu() ? n_in : n_out);
  n_pageable += pinned ? 0 : 1;
  // As CUDA does: memory that is not pinned is read before the call returns, pinned memory when its turn comes.
  copy_later(queue, from.is_cpu() && !pinned ? from.clone() : from, to);
  if (non_blocking) return;
  count_wait();
  queue.finish();
}

}  // namespace fake
