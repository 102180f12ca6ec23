#include "device/memory.h"

#include <algorithm>

#include "compat/device_cache.h"
#include "core/error.h"

namespace ctorch {

DeviceMemory memory_of(c10::Device device) {
  if (device.is_cpu()) return {};
  auto* allocator = compat::keeping_allocator(device.type());
  if (!allocator) fail(CTORCH_ERROR_DEVICE, "argument 'device_type': this PyTorch does not count the memory of ", device.str());
  const auto kept = compat::kept_memory(*allocator, device.index());
  const auto whole = compat::whole_memory(*allocator, device.index());
  return {kept.allocated, kept.peak, kept.reserved, whole.free, whole.total};
}

void empty_cache(c10::DeviceType type) {
  if (type == c10::kCPU) return;
  if (auto* allocator = compat::keeping_allocator(type)) allocator->emptyCache();
}

void limit_memory(c10::Device device, int64_t bytes) {
  if (bytes < 1)
    fail(CTORCH_ERROR_ARGUMENT, "argument 'bytes': expected 1 or more, got ", bytes, "; the whole device is no limit");
  if (device.is_cpu())
    fail(CTORCH_ERROR_DEVICE, "argument 'device_type': expected a device with memory of its own, got the cpu; ",
         "its memory is limited by the operating system (ulimit, the batch system)");
  const int64_t total = memory_of(device).total;
  const double part = total > 0 ? std::min(1.0, static_cast<double>(bytes) / static_cast<double>(total)) : 1.0;
  if (total <= 0 || !compat::limit_memory(part, device))
    fail(CTORCH_ERROR_DEVICE, "argument 'device_type': this library cannot limit PyTorch's memory on ", device.str(),
         "; it can on cuda, where it was built with CUDA's headers");
}

}  // namespace ctorch
