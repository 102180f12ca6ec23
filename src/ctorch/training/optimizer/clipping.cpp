// Entries that clip gradients, all together. None is recorded.
#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include <cmath>

#include "compat/foreach.h"
#include "ctorch_optim.h"
#include "host/environment.h"
#include "training/optimizer/arguments.h"
#include "training/optimizer/optimizer.h"

using namespace ctorch;

namespace {

// Python's clip_grad_norm_ adds the same, so that a norm of 0 is no division by 0.
constexpr double smallest_norm = 1e-6;

std::vector<at::Tensor> gradients_of(const ctorch_tensor parameters[], int32_t count) {
  std::vector<at::Tensor> gradients;
  for (const at::Tensor& parameter : tensor_list(parameters, count, "parameters"))
    if (parameter.grad().defined()) gradients.push_back(parameter.grad());
  if (gradients.empty())
    fail(CTORCH_ERROR_ARGUMENT, "no parameter has a gradient; call torch_tensor_backward on a loss before clipping");
  return gradients;
}

// Norm of all elements of all gradients, which may live on several devices.
double total_norm(const std::vector<at::Tensor>& gradients, double order) {
  std::vector<at::Tensor> norms;
  norms.reserve(gradients.size());
  for (const at::Tensor& gradient : gradients)
    norms.push_back(at::linalg_vector_norm(gradient, order).to(gradients[0].device()));
  return at::linalg_vector_norm(at::stack(norms), order).item<double>();
}

}  // namespace

extern "C" {

int32_t ctorch_clip_norm(const ctorch_tensor parameters[], int32_t n_parameters, double max_norm, double norm_type,
                         int32_t error_if_nonfinite, double* norm) {
  return compute([&] {
    at::NoGradGuard no_grad;
    require(norm, "norm");
    expect_not_negative("max_norm", max_norm);
    if (!(norm_type > 0)) fail(CTORCH_ERROR_ARGUMENT, "argument 'norm_type': expected a number above 0, got ", norm_type);
    const std::vector<at::Tensor> gradients = gradients_of(parameters, n_parameters);
    const double total = total_norm(gradients, norm_type);
    if (error_if_nonfinite && !std::isfinite(total))
      fail(CTORCH_ERROR_ARGUMENT, "the norm of the gradients is ", total, ", so they cannot be clipped");
    *norm = total;
    const double scale = max_norm / (total + smallest_norm);
    if (!(scale >= 1)) compat::_foreach_mul_(gradients, scale);  // also for a norm that is not a number: nothing hides it
  });
}

int32_t ctorch_clip_value(const ctorch_tensor parameters[], int32_t n_parameters, double max_value) {
  return compute([&] {
    at::NoGradGuard no_grad;
    expect_not_negative("max_value", max_value);
    const std::vector<at::Tensor> gradients = gradients_of(parameters, n_parameters);
    compat::_foreach_clamp_min_(gradients, -max_value);
    compat::_foreach_clamp_max_(gradients, max_value);
  });
}

}  // extern "C"
