// Entries of averages of weights. None is recorded.
#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include "compat/foreach.h"
#include "ctorch_optim.h"
#include "tensor/handle.h"
#include "training/optimizer/arguments.h"

using namespace ctorch;

namespace {

struct Averages {
  std::vector<at::Tensor> averages, parameters;
};

Averages pairs(const ctorch_tensor averages[], const ctorch_tensor parameters[], int32_t count) {
  Averages list{tensor_list(averages, count, "averages"), tensor_list(parameters, count, "parameters")};
  for (size_t i = 0; i < list.averages.size(); ++i)
    if (list.averages[i].sizes() != list.parameters[i].sizes() || list.averages[i].dtype() != list.parameters[i].dtype())
      fail(CTORCH_ERROR_ARGUMENT, "parameter ", i + 1, " is ", describe(list.parameters[i]), ", its average is ",
           describe(list.averages[i]), "; the averages were made for other parameters");
  return list;
}

}  // namespace

extern "C" {

int32_t ctorch_average_start(ctorch_tensor averages[], const ctorch_tensor parameters[], int32_t count) {
  return compute([&] {
    at::NoGradGuard no_grad;
    const std::vector<at::Tensor> list = tensor_list(parameters, count, "parameters");
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
