// Entries for single elements.
#include <ATen/core/grad_mode.h>

#include <cmath>

#include "ctorch_elements.h"
#include "tensor/handle.h"

using namespace ctorch;

namespace {

at::Tensor element(const at::Tensor& tensor, const int64_t indices[], int32_t count) {
  if (count != tensor.dim())
    fail(CTORCH_ERROR_ARGUMENT, "expected ", tensor.dim(), tensor.dim() == 1 ? " index" : " indices", " for ", describe(tensor),
         ", got ", count);
  if (tensor.is_complex())
    fail(CTORCH_ERROR_ARGUMENT, "expected a real tensor, got ", describe(tensor), "; torch_tensor_item takes complex ones");
  at::Tensor found = tensor.detach();
  for (int32_t d = 0; d < count; ++d) {
    const int64_t extent = tensor.size(d), index = indices[d];
    if (index < 1 || index > extent)
      fail(CTORCH_ERROR_ARGUMENT, "index ", d + 1, " is ", index, ", outside 1 to ", extent, " of ", describe(tensor));
    found = found.select(0, index - 1);
  }
  return found;
}

[[noreturn]] void does_not_fit(double value, const at::Tensor& tensor) {
  fail(CTORCH_ERROR_ARGUMENT, "argument 'value': ", value, " does not fit into ", describe(tensor));
}

// The double as one of the tensor's dtype; reals may be rounded, anything else must be exact.
at::Scalar fitting(double value, const at::Tensor& tensor) {
  const auto type = tensor.scalar_type();
  if (at::isFloatingType(type)) return value;
  if (type == at::kBool && value != 0 && value != 1) does_not_fit(value, tensor);
  constexpr double two_to_63 = 9223372036854775808.0;
  if (value != std::floor(value) || value < -two_to_63 || value >= two_to_63) does_not_fit(value, tensor);
  return static_cast<int64_t>(value);
}

}  // namespace

extern "C" {

int32_t ctorch_tensor_item(const ctorch_tensor* tensor, ctorch_operand* value) {
  return compute([&] {
    require(value, "value");
    Input input(tensor, "tensor");
    if (input->numel() != 1)
      fail(CTORCH_ERROR_ARGUMENT, "expected a tensor of one element, got ", describe(*input),
           "; t%get(i, j, ...) takes one of several");
    const at::Scalar number = input->item();
    *value = ctorch_operand{};
    if (number.isBoolean()) {
      value->kind = CTORCH_OPERAND_LOGICAL;
      value->integer = number.toBool();
    } else if (number.isIntegral(false)) {
      value->kind = CTORCH_OPERAND_INTEGER;
      value->integer = number.toLong();
    } else if (number.isComplex()) {
      value->kind = CTORCH_OPERAND_COMPLEX;
      value->real = number.toComplexDouble().real();
      value->imaginary = number.toComplexDouble().imag();
    } else {
      value->kind = CTORCH_OPERAND_REAL;
      value->real = number.toDouble();
    }
  });
}

int32_t ctorch_tensor_get_element(const ctorch_tensor* tensor, const int64_t indices[], int32_t n_indices, double* value) {
  return compute([&] {
    require(value, "value");
    Input input(tensor, "tensor");
    const at::Scalar number = element(*input, indices, n_indices).item();
    const double real = number.toDouble();
    if (number.isIntegral(false) && static_cast<int64_t>(real) != number.toLong())
      fail(CTORCH_ERROR_ARGUMENT, "a real64 does not hold ", number.toLong(), " exactly; use torch_tensor_item with an int64");
    *value = real;
  });
}

int32_t ctorch_tensor_set_element(const ctorch_tensor* tensor, const int64_t indices[], int32_t n_indices, double value) {
  return compute([&] {
    Input input(tensor, "tensor");
    at::NoGradGuard values_only;
    at::Tensor place = element(*input, indices, n_indices);
    const at::Scalar number = fitting(value, *input);
    try {
      place.fill_(number);
    } catch (const std::exception&) {  // an overflow
      does_not_fit(value, *input);
    }
  });
}

}  // extern "C"
