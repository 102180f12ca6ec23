// Entries that look at all gradients or all weights at once: clipping, and averages of weights. None of them is recorded.
#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include <cmath>

#include "compat/foreach.h"
#include "ctorch_optim.h"
#include "tensor/handle.h"
#include "training/optimizer/optimizer.h"

using namespace ctorch;

namespace {

// Python's clip_grad_norm_ adds the same, so that a norm of 0 is no division by 0.
constexpr double smallest_norm = 1e-6;

std::vector<at::Tensor> list_of(const ctorch_tensor list[], int32_t count, const char* name) {
  if (count < 1) fail(CTORCH_ERROR_ARGUMENT, "argument '", name, "': expected at least one tensor, got none");
  require(list, name);
  std::vector<at::Tensor> tensors;
  tensors.reserve(static_cast<size_t>(count));
  for (int32_t i = 0; i < count; ++i) tensors.push_back(*Input(&list[i], name));
  return tensors;
}

std::vector<at::Tensor> gradients_of(const ctorch_tensor parameters[], int32_t count) {
  std::vector<at::Tensor> gradients;
  for (const at::Tensor& parameter : list_of(parameters, count, "parameters"))
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

struct Averages {
  std::vector<at::Tensor> averages, parameters;
};

Averages pairs(const ctorch_tensor averages[], const ctorch_tensor parameters[], int32_t count) {
  Averages list{list_of(averages, count, "averages"), list_of(parameters, count, "parameters")};
  for (size_t i = 0; i < list.averages.size(); ++i)
    if (list.averages[i].sizes() != list.parameters[i].sizes() || list.averages[i].dtype() != list.parameters[i].dtype())
      fail(CTORCH_ERROR_ARGUMENT, "parameter ", i + 1, " is ", describe(list.parameters[i]), ", its average is ",
           describe(list.averages[i]), "; the averages were made for other parameters");
  return list;
}

}  // namespace

extern "C" {

int32_t ctorch_clip_norm(const ctorch_tensor parameters[], int32_t n_parameters, double max_norm, double norm_type,
                         int32_t error_if_nonfinite, double* norm) {
  return compute([&] {
    at::NoGradGuard no_grad;
    require(norm, "norm");
    expect_positive("max_norm", max_norm);
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
    expect_positive("max_value", max_value);
    const std::vector<at::Tensor> gradients = gradients_of(parameters, n_parameters);
    compat::_foreach_clamp_min_(gradients, -max_value);
    compat::_foreach_clamp_max_(gradients, max_value);
  });
}

int32_t ctorch_average_start(ctorch_tensor averages[], const ctorch_tensor parameters[], int32_t count) {
  return compute([&] {
    at::NoGradGuard no_grad;
    const std::vector<at::Tensor> list = list_of(parameters, count, "parameters");
    require(averages, "averages");
    for (size_t i = 0; i < list.size(); ++i) store(&averages[i], list[i].detach().clone());
  });
}

int32_t ctorch_average_update(const ctorch_tensor averages[], const ctorch_tensor parameters[], int32_t count, double decay) {
  return compute([&] {
    at::NoGradGuard no_grad;
    const Averages list = pairs(averages, parameters, count);
    compat::_foreach_lerp_(list.averages, list.parameters, 1 - decay);
  });
}

int32_t ctorch_average_copy(const ctorch_tensor averages[], const ctorch_tensor parameters[], int32_t count) {
  return compute([&] {
    at::NoGradGuard no_grad;
    const Averages list = pairs(averages, parameters, count);
    for (size_t i = 0; i < list.averages.size(); ++i) list.parameters[i].copy_(list.averages[i]);
  });
}

int32_t ctorch_average_swap(const ctorch_tensor averages[], const ctorch_tensor parameters[], int32_t count) {
  return compute([&] {
    at::NoGradGuard no_grad;
    const Averages list = pairs(averages, parameters, count);
    for (size_t i = 0; i < list.averages.size(); ++i) {
      const at::Tensor kept = list.parameters[i].detach().clone();
      list.parameters[i].copy_(list.averages[i]);
      list.averages[i].copy_(kept);
    }
  });
}

}  // extern "C"
