#include "operations/losses.h"

#include <ATen/ATen.h>
#include <ATen/core/Reduction.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <numbers>

#include "core/error.h"
#include "tensor/conversion.h"

namespace ctorch {

int64_t reduction(int32_t given, const char* name) {
  static_assert(at::Reduction::None == 0 && at::Reduction::Mean == 1 && at::Reduction::Sum == 2);
  if (given < at::Reduction::None || given > at::Reduction::Sum)
    fail(CTORCH_ERROR_ARGUMENT, "argument '", name, "': expected torch_kNone, torch_kMean or torch_kSum, got ", given);
  return given;
}

const at::Tensor& same_shape(const at::Tensor& target, const at::Tensor& input) {
  if (target.sizes() != input.sizes())
    fail(CTORCH_ERROR_ARGUMENT, "shapes differ: argument 'input_tensor' is ", describe(input), ", argument 'target_tensor' is ",
         describe(target), "; torch_reshape or torch_expand makes them equal, if that is what is meant");
  return target;
}

const at::Tensor& classes(const at::Tensor& target) {
  if (target.scalar_type() != at::kLong && !target.is_floating_point())
    fail(CTORCH_ERROR_ARGUMENT, "argument 'target_tensor': expected int64 classes, counted from 0, or real probabilities, got ",
         describe(target), "; torch_to(target, torch_kInt64) converts");
  return target;
}

at::Tensor gaussian_nll(const at::Tensor& input, const at::Tensor& target, const at::Tensor& variance, bool full, double eps,
                        int64_t reduction) {
  at::Tensor spread = variance;
  if (variance.sizes() != input.sizes()) {  // PyTorch takes one variance per sample, too
    if (input.dim() > 0 && variance.sizes() == input.sizes().slice(0, static_cast<size_t>(input.dim()) - 1))
      spread = variance.unsqueeze(-1);
    else if (variance.dim() != input.dim() ||
             variance.sizes().slice(0, static_cast<size_t>(variance.dim()) - 1) !=
                 input.sizes().slice(0, static_cast<size_t>(input.dim()) - 1) ||
             variance.size(-1) != 1)
      fail(CTORCH_ERROR_ARGUMENT,
           "argument 'variance_tensor': expected the shape of the input or one variance per sample, got ", describe(variance),
           " for an input of ", describe(input));
  }
  if ((spread < 0).any().item<bool>())
    fail(CTORCH_ERROR_ARGUMENT,
         "argument 'variance_tensor': has negative elements; predict its logarithm and pass the torch_exp");
  // The limit holds for the value and lets the gradient pass, as in PyTorch.
  at::Tensor limited = spread.clone();
  {
    at::NoGradGuard values_only;
    limited.clamp_(eps);
  }
  at::Tensor loss = 0.5 * (at::log(limited) + at::square(input - target) / limited);
  if (full) loss = loss + 0.5 * std::log(2 * std::numbers::pi);
  return reduction == at::Reduction::Mean ? loss.mean() : reduction == at::Reduction::Sum ? loss.sum() : loss;
}

}  // namespace ctorch
