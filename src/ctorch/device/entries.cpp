// Entries of devices.
#include "core/error.h"
#include "ctorch_device.h"
#include "device/device.h"
#include "device/memory.h"

using namespace ctorch;

extern "C" {

int32_t ctorch_device_count(int32_t device_type, int32_t* count) {
  return answer_with(count, "count", [&] { return device_count(device_type); });
}

int32_t ctorch_device_synchronize(int32_t device_type, int32_t device_index) {
  return guard([&] { synchronize(device(device_type, device_index)); });
}

int32_t ctorch_device_synchronize_stream(int32_t device_type, int32_t device_index) {
  return guard([&] { synchronize_stream(device(device_type, device_index)); });
}

int32_t ctorch_device_set_stream(void* handle, int32_t device_type, int32_t device_index) {
  return guard([&] { use_stream(device(device_type, device_index), handle); });
}

int32_t ctorch_device_memory(int32_t device_type, int32_t device_index, int64_t* allocated, int64_t* peak, int64_t* reserved,
                             int64_t* free, int64_t* total) {
  return guard([&] {
    require(allocated, "allocated");
    require(peak, "peak");
    require(reserved, "reserved");
    require(free, "free");
    require(total, "total");
    const DeviceMemory memory = memory_of(device(device_type, device_index));
    *allocated = memory.allocated;
    *peak = memory.peak;
    *reserved = memory.reserved;
    *free = memory.free;
    *total = memory.total;
  });
}

int32_t ctorch_device_empty_cache(int32_t device_type) {
  return guard([&] { empty_cache(device(device_type, device_type == CTORCH_DEVICE_CPU ? 0 : -1).type()); });
}

int32_t ctorch_device_limit_memory(int64_t bytes, int32_t device_type, int32_t device_index) {
  return guard([&] { limit_memory(device(device_type, device_index), bytes); });
}

}  // extern "C"
