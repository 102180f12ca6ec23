#include "device/device.h"

#include <optional>
#include <sstream>
#include <string>

#include "compat/device_guard.h"
#include "compat/device_memory.h"
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

}  // namespace

std::string devices_present() {
  std::ostringstream text;
  text << "cpu";
  for (const auto& row : known_devices)
    if (row.type != CTORCH_DEVICE_CPU)
      if (int32_t count = device_count(row.type)) text << ", " << row.name << " (" << count << ")";
  return text.str();
}

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
  const int32_t count = device_count(type);
  if (count == 0) fail(CTORCH_ERROR_DEVICE, "device ", name, " is not available; present here: ", devices_present());
  if (index >= count || index < -1)
    fail(CTORCH_ERROR_DEVICE, "argument 'device_index': there are ", count, " ", name, " devices (0 to ", count - 1, "), got ",
         index);
  const auto kind = static_cast<c10::DeviceType>(type);
  return c10::Device(kind, index < 0 ? compat::current_device(kind) : static_cast<c10::DeviceIndex>(index));
}

c10::Device device_holding(void* data, int32_t type, int32_t index) {
  const c10::Device named = device(type, index);
  if (named.is_cpu() || !data) return named;
  const char* name = device_name(type);
  if (compat::is_pinned(data, named.type()))
    fail(CTORCH_ERROR_DEVICE, "argument 'data': expected memory of a ", name,
         " device, since on_device is true, got pinned memory of the host; without on_device it is copied to the device");
  std::optional<c10::Device> found;
  try {
    found = compat::device_of(data, named.type());
  } catch (const c10::Error& error) {
    fail(CTORCH_ERROR_DEVICE, "argument 'data': expected memory of a ", name,
         " device, since on_device is true, got memory of ", "the host (", error.what_without_backtrace(),
         "); give the address that host_data use_device or use_device_addr shows");
  }
  if (!found) return named;
  if (index >= 0 && *found != named)
    fail(CTORCH_ERROR_DEVICE, "argument 'device_index': got ", index, ", the memory at argument 'data' is on ", found->str(),
         ", not on ", named.str(), "; without device_index its device is found");
  return *found;
}

std::optional<c10::Device> device_of_memory(void* data, c10::DeviceType type) {
  if (!data || compat::is_pinned(data, type)) return std::nullopt;
  try {
    return compat::device_of(data, type);
  } catch (const c10::Error&) {
    return std::nullopt;
  }
}

void synchronize(c10::Device device) {
  if (!device.is_cpu()) compat::synchronize(device);
}

void synchronize_stream(c10::Device device) {
  if (!device.is_cpu()) compat::synchronize_stream(device);
}

void use_stream(c10::Device device, void* handle) {
  if (device.is_cpu() && !handle) return;
  if (device.is_cpu()) fail(CTORCH_ERROR_DEVICE, "argument 'device_type': expected a device with streams, got the cpu");
  const auto number = reinterpret_cast<uintptr_t>(handle);
  if (number % 2)
    fail(CTORCH_ERROR_ARGUMENT,
         "argument 'handle': expected the handle of a stream (acc_get_cuda_stream, cudaStreamCreate) or ",
         "null for the default one, got the number ", number);
  if (!compat::use_stream(device, handle))
    fail(CTORCH_ERROR_DEVICE, "argument 'device_type': PyTorch takes no streams of the program on ", device.str());
}

}  // namespace ctorch
