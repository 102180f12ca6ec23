#include "tensor/conversion.h"

#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <iterator>

#include "tensor/dtype_table.h"

namespace ctorch {
namespace {

constexpr int32_t n_dtypes = static_cast<int32_t>(std::size(dtype_rows));
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

void check_dtype(int32_t dtype) {
  if (dtype < 0 || dtype >= n_dtypes)
    fail(CTORCH_ERROR_ARGUMENT, "argument 'dtype': ", dtype, " is no torch_k* dtype constant (expected 0 to ", n_dtypes - 1,
         ")");
}

}  // namespace

c10::ScalarType scalar_type(int32_t dtype) {
  check_dtype(dtype);
  return dtype_rows[dtype].scalar;
}

int32_t dtype_code(c10::ScalarType type) {
  for (int32_t code = 0; code < n_dtypes; ++code)
    if (dtype_rows[code].scalar == type) return code;
  fail(CTORCH_ERROR_ARGUMENT, "dtype ", c10::toString(type), " has no Fortran counterpart; convert the tensor first");
}

c10::ScalarType scalar_type_named(const std::string& name) {
  for (const auto& row : dtype_rows)
    if (name == row.label) return row.scalar;
  fail(CTORCH_ERROR_FILE, "the model's contract names an unknown dtype '", name, "'");
}

const char* label(int32_t dtype) {
  check_dtype(dtype);
  return dtype_rows[dtype].label;
}

std::string label(c10::ScalarType type) {
  for (const auto& row : dtype_rows)
    if (row.scalar == type) return row.label;
  return c10::toString(type);
}

int32_t storage_dtype(int32_t dtype) {
  check_dtype(dtype);
  return dtype_rows[dtype].storage;
}

int32_t device_count(int32_t type) {
  if (type == CTORCH_DEVICE_CPU) return 1;
  if (!device_name(type)) return 0;
  const auto device_type = static_cast<c10::DeviceType>(type);
  if (!c10::impl::hasDeviceGuardImpl(device_type)) return 0;
  return c10::impl::VirtualGuardImpl(device_type).deviceCount();
}

c10::Device device(int32_t type, int32_t index) {
  const char* name = device_name(type);
  if (!name)
    fail(CTORCH_ERROR_DEVICE, "argument 'device_type': ", type,
         " is no torch_k* device constant; present here: ", devices_present());
  if (type == CTORCH_DEVICE_CPU) {
    if (index > 0) fail(CTORCH_ERROR_DEVICE, "argument 'device_index': the cpu has no index, got ", index);
    return c10::Device(c10::kCPU);
  }
  const int32_t count = device_count(type);
  if (count == 0) fail(CTORCH_ERROR_DEVICE, "device ", name, " is not available; present here: ", devices_present());
  if (index >= count || index < -1)
    fail(CTORCH_ERROR_DEVICE, "argument 'device_index': there are ", count, " ", name, " devices (0 to ", count - 1, "), got ",
         index);
  return c10::Device(static_cast<c10::DeviceType>(type), static_cast<c10::DeviceIndex>(index < 0 ? 0 : index));
}

void synchronize(c10::Device device) {
  if (!device.is_cpu()) c10::impl::VirtualGuardImpl(device.type()).synchronizeDevice(device.index());
}

std::string path_text(const char* path, int64_t length) {
  if (length > 0) require(path, "filename");
  std::string text(path, static_cast<size_t>(std::max<int64_t>(length, 0)));
  return text.substr(0, text.find('\0'));
}

std::string shape_text(c10::IntArrayRef shape) {
  std::ostringstream text;
  text << '[';
  for (size_t i = 0; i < shape.size(); ++i) text << (i ? ", " : "") << shape[i];
  text << ']';
  return text.str();
}

std::string describe(const at::Tensor& tensor) { return label(tensor.scalar_type()) + " " + shape_text(tensor.sizes()); }

}  // namespace ctorch
