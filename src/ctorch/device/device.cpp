#include "device/device.h"

#include <sstream>
#include <string>

#include "compat/device_guard.h"
#include "core/error.h"

namespace ctorch {
namespace {

constexpr struct {
  int32_t type;
  const char* name;
} known_devices[] = {{CTORCH_DEVICE_CPU, "cpu"},
                     {CTORCH_DEVICE_CUDA, "cuda"},
                     {CTORCH_DEVICE_XPU, "xpu"},
                     {CTORCH_DEVICE_MPS, "mps"},
                     {CTORCH_DEVICE_PRIVATEUSE1, "privateuse1"}};

const char* device_name(int32_t type) {
  for (const auto& row : known_devices)
    if (row.type == type) return row.name;
  return nullptr;
}

std::string devices_present() {
  std::ostringstream text;
  text << "cpu";
  for (const auto& row : known_devices)
    if (row.type != CTORCH_DEVICE_CPU)
      if (int32_t count = device_count(row.type)) text << ", " << row.name << " (" << count << ")";
  return text.str();
}

}  // namespace

int32_t device_count(int32_t type) {
  if (type == CTORCH_DEVICE_CPU) return 1;
  if (!device_name(type)) return 0;
  return compat::count_devices(static_cast<c10::DeviceType>(type));
}

c10::Device present_device(int32_t type, int32_t index) {
  const char* name = device_name(type);
  if (!name)
    fail(CTORCH_ERROR_DEVICE, "argument 'device_type': ", type,
         " is no torch_k* device constant; present here: ", devices_present());
  if (type == CTORCH_DEVICE_CPU) fail(CTORCH_ERROR_DEVICE, "argument 'device_index': the cpu has no index, got ", index);
  const int32_t count = device_count(type);
  if (count == 0) fail(CTORCH_ERROR_DEVICE, "device ", name, " is not available; present here: ", devices_present());
  if (index >= count || index < -1)
    fail(CTORCH_ERROR_DEVICE, "argument 'device_index': there are ", count, " ", name, " devices (0 to ", count - 1, "), got ",
         index);
  return c10::Device(static_cast<c10::DeviceType>(type), static_cast<c10::DeviceIndex>(index < 0 ? 0 : index));
}

void synchronize(c10::Device device) {
  if (!device.is_cpu()) compat::synchronize(device);
}

}  // namespace ctorch
