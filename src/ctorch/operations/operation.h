// What the entries generated from the table of operations are made of: arguments in, results out.
#pragma once
#include <ATen/core/Tensor.h>
#include <c10/core/TensorOptions.h>
#include <c10/util/OptionalArrayRef.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "compat/tensor_impl.h"
#include "ctorch_operand.h"
#include "tensor/handle.h"
#include "tensor/memory.h"

namespace ctorch {

// A tensor or a number.
class Operand {
 public:
  Operand(const ctorch_operand* given, const char* noun);

  bool is_tensor() const { return input_.has_value(); }
  const at::Tensor& tensor() const { return **input_; }
  const at::Scalar& scalar() const { return scalar_; }
  // The number as PyTorch's operators see one: it does not widen the other operand's dtype. (Not a "wrapped number": PyTorch
  // computes with two of these in float32, and so would formulas of gradients.)
  at::Tensor tensor(const at::Tensor& other) const;
  const at::Tensor* tensor_or_none() const { return input_ ? &**input_ : nullptr; }
  const Input* input_or_none() const { return input_ ? &*input_ : nullptr; }

 private:
  std::optional<Input> input_;
  at::Scalar scalar_;
};

// f(a, b), by its form for numbers where PyTorch has one.
template <class Function>
at::Tensor binary(const Operand& a, const Operand& b, Function&& f) {
  if (a.is_tensor() && b.is_tensor()) return f(a.tensor(), b.tensor());
  if (a.is_tensor()) {
    if constexpr (requires { f(a.tensor(), b.scalar()); })
      return f(a.tensor(), b.scalar());
    else
      return f(a.tensor(), b.tensor(a.tensor()));
  }
  if (b.is_tensor()) {
    if constexpr (requires { f(a.scalar(), b.tensor()); })
      return f(a.scalar(), b.tensor());
    else
      return f(a.tensor(b.tensor()), b.tensor());
  }
  fail(CTORCH_ERROR_ARGUMENT, "expected at least one tensor, got two numbers");
}

// One where the condition holds, the other elsewhere.
at::Tensor where(const at::Tensor& condition, const Operand& a, const Operand& b);

class OptionalInput {
 public:
  OptionalInput(const ctorch_tensor* handle, const char* noun) {
    if (handle && handle->id) input_.emplace(handle, noun);
  }
  std::optional<at::Tensor> value() const { return input_ ? std::optional<at::Tensor>(**input_) : std::nullopt; }
  const Input* input_or_none() const { return input_ ? &*input_ : nullptr; }

 private:
  std::optional<Input> input_;
};

class InputList {
 public:
  InputList(const ctorch_tensor handles[], int32_t count, const char* noun);
  ~InputList();
  InputList(const InputList&) = delete;
  InputList& operator=(const InputList&) = delete;
  const std::vector<at::Tensor>& values() const { return values_; }
  int64_t rank() const { return values_.front().dim(); }
  bool lend(const at::Tensor& result) const;

 private:
  InputList() = default;
  std::vector<at::Tensor> values_;
  std::vector<uint64_t> ids_;
};

// Dimensions count from 1; negative ones from the last, which is -1.
int64_t dimension(int64_t given, const char* name, int64_t rank);
std::optional<int64_t> optional_dimension(int64_t given, const char* name, int64_t rank);

class Dimensions {
 public:
  Dimensions(const int64_t given[], int32_t count, const char* name, int64_t rank);  // count -1: none were given
  c10::IntArrayRef all() const { return list_; }
  at::OptionalIntArrayRef optional() const { return given_ ? at::OptionalIntArrayRef(list_) : std::nullopt; }

 private:
  bool given_;
  c10::SmallVector<int64_t, CTORCH_MAX_RANK> list_;
};

at::Scalar number(const ctorch_operand* given, const char* name);
std::optional<at::Scalar> optional_number(const ctorch_operand* given, const char* name);
std::optional<double> real_or_none(const std::optional<at::Scalar>& number);
std::optional<int64_t> optional_integer(int64_t given);
c10::IntArrayRef integers(const int64_t given[], int32_t count, const char* name);
std::string text(const char* given, int64_t length, const char* name, const char* absent = nullptr);
std::optional<at::ScalarType> optional_dtype(int32_t dtype);
std::optional<c10::Device> optional_device(int32_t type, int32_t index);
at::TensorOptions options(std::optional<at::ScalarType> dtype, std::optional<c10::Device> device);

// Whole numbers go in whole steps: PyTorch cuts the step off, which gives 0, 0, 0, ... or, before 2.13, divides by zero.
at::Tensor arange(const at::Scalar& start, const at::Scalar& end, const at::Scalar& step, const at::TensorOptions& options);

// Fortran's a(first:last:step) along a dimension.
at::Tensor fortran_slice(const at::Tensor& a, int64_t dim, std::optional<int64_t> first, std::optional<int64_t> last,
                         int64_t step);
// A value for each spatial dimension, or one for all of them.
class Integers {
 public:
  Integers(const int64_t given[], int32_t count, const char* name, int64_t otherwise);  // count -1: none were given
  c10::IntArrayRef all() const { return list_; }

 private:
  c10::SmallVector<int64_t, CTORCH_MAX_RANK> list_;
};

// A reduction over everything, with keepdim.
inline at::Tensor keep_dims(const at::Tensor& result, const at::Tensor& a, bool keepdim) {
  return keepdim ? result.reshape(c10::SmallVector<int64_t, CTORCH_MAX_RANK>(static_cast<size_t>(a.dim()), 1)) : result;
}

inline void copy_values(const at::Tensor& target, const at::Tensor& source) { write_result(target, source); }

// Whether a result lies in the memory of an argument that lives on. The memory of an expression goes over to the result.
inline bool lends(const Input& from, const at::Tensor& result) {
  if (!result.is_alias_of(*from)) [[likely]]
    return false;
  return !from.object().temporary || from.object().shares || compat::has_repeated_elements(result);
}
inline bool lends(const Operand& from, const at::Tensor& result) {
  return from.input_or_none() && lends(*from.input_or_none(), result);
}
inline bool lends(const OptionalInput& from, const at::Tensor& result) {
  return from.input_or_none() && lends(*from.input_or_none(), result);
}
inline bool lends(const InputList& from, const at::Tensor& result) { return from.lend(result); }

// Results of functions: a new handle with the given CTORCH_LIFETIME_*. A result may be a view of an argument; inside an
// expression that saves a copy, but a variable to which it is assigned gets memory of its own.
void return_result(ctorch_tensor* result, int32_t lifetime, at::Tensor value, bool shares);
template <class... Sources>
void return_result(ctorch_tensor* result, int32_t lifetime, at::Tensor value, const Sources&... sources) {
  const bool shares = (lends(sources, value) || ...);
  return_result(result, lifetime, std::move(value), shares);
}
// Results of subroutines that have several of unknown number.
void store_results(ctorch_tensor results[], int32_t count, std::vector<at::Tensor> values, const char* name);
// Views of a tensor as copies, for they go into variables, and a variable may wrap the tensor's own memory.
std::vector<at::Tensor> copies(std::vector<at::Tensor> views, const at::Tensor& from);

// Throws PyTorch's complaint as an error about the arguments, which it describes.
struct Described {
  const char* name;
  const at::Tensor* tensor;
};
[[noreturn]] void explain(const std::exception& error, std::initializer_list<Described> arguments);

}  // namespace ctorch
