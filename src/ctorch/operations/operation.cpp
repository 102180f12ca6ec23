#include "operations/operation.h"

#include <ATen/Functions.h>
#include <ATen/ScalarOps.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>

#include "core/text.h"

namespace ctorch {

Operand::Operand(const ctorch_operand* given, const char* noun) {
  require(given, noun);
  switch (given->kind) {
    case CTORCH_OPERAND_TENSOR: input_.emplace(&given->tensor, noun); break;
    case CTORCH_OPERAND_INTEGER: scalar_ = at::Scalar(given->integer); break;
    case CTORCH_OPERAND_REAL: scalar_ = at::Scalar(given->real); break;
    case CTORCH_OPERAND_COMPLEX: scalar_ = at::Scalar(c10::complex<double>(given->real, given->imaginary)); break;
    case CTORCH_OPERAND_LOGICAL: scalar_ = at::Scalar(given->integer != 0); break;
    default: fail(CTORCH_ERROR_ARGUMENT, noun, ": expected a tensor, or an integer, real, complex or logical number");
  }
}

at::Tensor Operand::tensor(const at::Tensor& other) const {
  if (input_) return **input_;
  return at::scalar_tensor(scalar_, other.options().dtype(at::result_type(other, scalar_)));
}

// A number beside a tensor takes its dtype: as a tensor of its own it would be a real32 before it is compared with anything.
at::Tensor where(const at::Tensor& condition, const Operand& a, const Operand& b) {
  if (!a.is_tensor() && !b.is_tensor()) return at::where(condition, a.scalar(), b.scalar());
  return binary(a, b, [&](const auto& yes, const auto& no) { return at::where(condition, yes, no); });
}

// Whatever is thrown behind the colon, the destructor runs: expressions in the list are released also when one of them is
// stale.
InputList::InputList(const ctorch_tensor handles[], int32_t count, const char* noun) : InputList() {
  if (count < 1) fail(CTORCH_ERROR_ARGUMENT, noun, ": expected at least one tensor, got none");
  require(handles, noun);
  for (int32_t i = 0; i < count; ++i) ids_.push_back(handles[i].id);
  for (const uint64_t id : ids_) values_.push_back(tensors().get(id, noun).value);
}

InputList::~InputList() {
  for (uint64_t id : ids_) {
    const TensorObject* object = tensors().find(id);  // null where the list names an expression twice
    if (object && object->one_shot) tensors().release(id, true);
  }
}

bool InputList::lend(const at::Tensor& result) const {
  for (const at::Tensor& value : values_)
    if (result.is_alias_of(value)) return true;
  return false;
}

int64_t dimension(int64_t given, const char* name, int64_t rank) {
  if (given >= 1 && given <= rank) return given - 1;
  if (given <= -1 && given >= -rank) return rank + given;
  if (rank == 0 && (given == 1 || given == -1)) return 0;  // PyTorch treats a scalar like a vector here
  fail(CTORCH_ERROR_ARGUMENT, "argument '", name, "': expected a dimension from 1 to ", rank, ", or from -", rank,
       " to -1 counted from the last, got ", given);
}

std::optional<int64_t> optional_dimension(int64_t given, const char* name, int64_t rank) {
  if (const auto present = optional_integer(given)) return dimension(*present, name, rank);
  return std::nullopt;
}

Dimensions::Dimensions(const int64_t given[], int32_t count, const char* name, int64_t rank) : given_(count >= 0) {
  if (count > 0) require(given, name);
  for (int32_t i = 0; i < count; ++i) list_.push_back(dimension(given[i], name, rank));
}

at::Scalar number(const ctorch_operand* given, const char* name) {
  if (const auto value = optional_number(given, name)) return *value;
  fail(CTORCH_ERROR_ARGUMENT, "argument '", name, "': expected a number");
}

std::optional<at::Scalar> optional_number(const ctorch_operand* given, const char* name) {
  require(given, name);
  if (given->kind == CTORCH_OPERAND_NONE) return std::nullopt;
  if (given->kind < CTORCH_OPERAND_INTEGER || given->kind > CTORCH_OPERAND_LOGICAL)
    fail(CTORCH_ERROR_ARGUMENT, "argument '", name, "': expected an integer, real, complex or logical number");
  const Operand operand(given, name);
  return operand.scalar();
}

std::optional<double> real_or_none(const std::optional<at::Scalar>& number) {
  return number ? std::optional<double>(number->toDouble()) : std::nullopt;
}

std::optional<int64_t> optional_integer(int64_t given) {
  return given == CTORCH_ABSENT ? std::nullopt : std::optional<int64_t>(given);
}

c10::IntArrayRef integers(const int64_t given[], int32_t count, const char* name) {
  if (count < 0) fail(CTORCH_ERROR_ARGUMENT, "argument '", name, "': negative count ", count);
  if (count > 0) require(given, name);
  return {given, static_cast<size_t>(count)};
}

std::string text(const char* given, int64_t length, const char* name, const char* absent) {
  if (length < 0 && absent) return absent;
  return read_text(given, length, name);
}

std::optional<at::ScalarType> optional_dtype(int32_t dtype) {
  return dtype == CTORCH_DTYPE_DEFAULT ? std::nullopt : std::optional<at::ScalarType>(scalar_type(dtype));
}

std::optional<c10::Device> optional_device(int32_t type, int32_t index) {
  return type == CTORCH_DEVICE_SAME ? std::nullopt : std::optional<c10::Device>(device(type, index));
}

at::TensorOptions options(std::optional<at::ScalarType> dtype, std::optional<c10::Device> device) {
  return at::TensorOptions().dtype(dtype).device(device);
}

at::Tensor arange(const at::Scalar& start, const at::Scalar& end, const at::Scalar& step, const at::TensorOptions& options) {
  const bool whole = options.has_dtype() && at::isIntegralType(c10::typeMetaToScalarType(options.dtype()), true);
  if (whole && step.isFloatingPoint() && step.toDouble() != std::trunc(step.toDouble()))
    fail(CTORCH_ERROR_ARGUMENT, "argument 'step': expected a whole number, as dtype asks for whole ones, got ",
         step.toDouble());
  return at::arange(start, end, step, options);
}

at::Tensor fortran_slice(const at::Tensor& a, int64_t dim, std::optional<int64_t> first, std::optional<int64_t> last,
                         int64_t step) {
  if (a.dim() == 0) fail(CTORCH_ERROR_ARGUMENT, "a tensor without dimensions has no slices");
  const int64_t extent = a.size(dim), from = first.value_or(1), to = last.value_or(extent);
  if (step < 1)
    fail(CTORCH_ERROR_ARGUMENT, "argument 'step': expected 1 or more, got ", step, "; torch_flip reverses the order");
  if (from <= to && (from < 1 || to > extent))  // an empty slice may lie anywhere, as in Fortran
    fail(CTORCH_ERROR_ARGUMENT, "expected first and last from 1 to ", extent, ", got ", from, " and ", to);
  return from > to ? at::slice(a, dim, 0, 0) : at::slice(a, dim, from - 1, to, step);
}

Integers::Integers(const int64_t given[], int32_t count, const char* name, int64_t otherwise) {
  if (count > 0) require(given, name);
  if (count > CTORCH_MAX_RANK) fail(CTORCH_ERROR_ARGUMENT, "argument '", name, "': expected few numbers, got ", count);
  if (count < 0) list_.push_back(otherwise);
  for (int32_t i = 0; i < count; ++i) list_.push_back(given[i]);
}

void return_result(ctorch_tensor* result, int32_t lifetime, at::Tensor value, bool shares) {
  require(result, "result");
  const uint64_t old = result->id;
  const bool temporary = lifetime != CTORCH_LIFETIME_NAMED, one_shot = lifetime == CTORCH_LIFETIME_ONE_SHOT;
  if (!temporary) make_plain(value);
  result->id = tensors().create(TensorObject{std::move(value), false, temporary, one_shot, shares});
  if (old) tensors().release(old);
}

void store_results(ctorch_tensor results[], int32_t count, std::vector<at::Tensor> values, const char* name) {
  if (static_cast<size_t>(count) != values.size())
    fail(CTORCH_ERROR_ARGUMENT, "argument '", name, "': expected ", values.size(), " tensors, got ", count);
  if (count) require(results, name);
  for (int32_t i = 0; i < count; ++i) store_result(&results[i], std::move(values[static_cast<size_t>(i)]));
}

std::vector<at::Tensor> copies(std::vector<at::Tensor> views, const at::Tensor& from) {
  for (at::Tensor& view : views)
    if (view.is_alias_of(from)) view = view.clone();
  return views;
}

void explain(const std::exception& error, std::initializer_list<Described> arguments) {
  if (dynamic_cast<const Error*>(&error) || dynamic_cast<const std::bad_alloc*>(&error)) throw;
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  const std::string what = torch_error ? torch_error->what_without_backtrace() : error.what();
  if (const int32_t status = to_status(what); status == CTORCH_ERROR_MEMORY || status == CTORCH_ERROR_DEVICE) throw;
  std::ostringstream message;
  message << what;
  const auto place = what.find("dimension ");
  if (place != std::string::npos && std::isdigit(static_cast<unsigned char>(what[place + 10]))) message << ", counted from 0";
  const char* separator = " (with ";
  for (const auto& [name, tensor] : arguments) {
    if (!tensor) continue;
    message << separator << name << " " << describe(*tensor);
    separator = ", ";
  }
  if (*separator == ',') message << ")";
  fail(CTORCH_ERROR_ARGUMENT, message.str());
}

}  // namespace ctorch
