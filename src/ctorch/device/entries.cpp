// Entries of devices.
#include "core/error.h"
#include "ctorch_device.h"
#include "device/device.h"

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

}  // extern "C"
