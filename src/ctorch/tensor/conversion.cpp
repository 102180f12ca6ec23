#include "tensor/conversion.h"

#include <algorithm>
#include <iterator>

#include "core/text.h"
#include "tensor/dtype_table.h"

namespace ctorch {
namespace {

constexpr int32_t n_dtypes = static_cast<int32_t>(std::size(dtype_rows));

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

std::string shape_text(c10::IntArrayRef shape) {
  return "[" + joined(shape, ", ", [](int64_t size) { return std::to_string(size); }) + "]";
}

std::string describe(const at::Tensor& tensor) { return label(tensor.scalar_type()) + " " + shape_text(tensor.sizes()); }

}  // namespace ctorch
