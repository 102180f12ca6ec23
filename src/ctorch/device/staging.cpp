#include "device/staging.h"

#include <ATen/Functions.h>
#include <c10/util/accumulate.h>
#include <c10/util/strides.h>

#include <algorithm>
#include <utility>

#include "compat/device_memory.h"
#include "compat/tensor_impl.h"
#include "device/device.h"

namespace ctorch {
namespace {

bool dense(c10::IntArrayRef sizes, c10::IntArrayRef strides, at::ScalarType dtype) {
  return compat::wrap(nullptr, sizes, strides, dtype).is_non_overlapping_and_dense();
}

}  // namespace

at::Tensor Staging::room(c10::IntArrayRef sizes, c10::IntArrayRef strides, at::ScalarType dtype) {
  const auto in_order = c10::contiguous_strides(sizes);
  const c10::IntArrayRef steps = dense(sizes, strides, dtype) ? strides : c10::IntArrayRef(in_order);
  if (!allocator_) return at::empty_strided(sizes, steps, at::TensorOptions(dtype));
  const size_t bytes = static_cast<size_t>(c10::multiply_integers(sizes)) * c10::elementSize(dtype);
  if (used_ == buffers_.size()) buffers_.emplace_back();
  auto& [memory, size] = buffers_[used_++];
  if (size < bytes) {
    size = 0;
    memory.clear();  // the old one goes first: there is not much of such memory
    memory = allocator_->allocate(bytes);
    size = bytes;
  }
  return compat::wrap(memory.get(), sizes, steps, dtype);
}

at::Tensor Staging::send(const at::Tensor& host) {
  if (!allocator_ || host.numel() == 0) return host.to(device_);
  under_way_ = true;
  if (compat::is_pinned(host.const_data_ptr(), device_.type()) && host.is_non_overlapping_and_dense())
    return host.to(device_, host.scalar_type(), /*non_blocking=*/true);
  at::Tensor between = room(host.sizes(), host.strides(), host.scalar_type());
  between.copy_(host);
  return between.to(device_, host.scalar_type(), /*non_blocking=*/true);
}

at::Tensor Staging::fetch(const at::Tensor& result) {
  if (result.is_cpu()) return result;
  if (!allocator_ || result.numel() == 0) return result.to(c10::kCPU);
  const at::Tensor plain = result.resolve_conj().resolve_neg();
  at::Tensor between = room(plain.sizes(), plain.strides(), plain.scalar_type());
  under_way_ = true;
  between.copy_(plain, /*non_blocking=*/true);
  return between;
}

void Staging::wait() {
  if (!std::exchange(under_way_, false)) return;
  synchronize_stream(device_);
}

void Staging::begin(c10::Device device) {
  device_ = device;
  allocator_ = compat::pinned_allocator(device.type());
  used_ = 0;
}

void Staging::end() noexcept {
  try {
    wait();
  } catch (...) {
    under_way_ = false;  // the device has failed
  }
}

StagingPool::Lease::Lease(StagingPool& pool, c10::Device device) : pool_(pool) {
  {
    const std::lock_guard lock(pool.mutex_);
    if (!pool.resting_.empty()) {
      set_ = std::move(pool.resting_.back());
      pool.resting_.pop_back();
    }
  }
  if (!set_) set_ = std::make_unique<Staging>();
  set_->begin(device);
}

StagingPool::Lease::~Lease() {
  set_->end();
  const std::lock_guard lock(pool_.mutex_);
  pool_.resting_.push_back(std::move(set_));
}

}  // namespace ctorch
