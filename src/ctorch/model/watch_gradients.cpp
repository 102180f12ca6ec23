// Entry that tells when the gradient of each parameter is complete, while backward still computes the others.
#include "compat/gradient_hook.h"
#include "ctorch_parameters.h"
#include "model/handle.h"

using namespace ctorch;

int32_t ctorch_model_watch_gradients(const ctorch_model* model, ctorch_gradient_watcher watcher, void* context) {
  return guard([&] {
    const State parameters = object_of(model).backend().parameters();
    const auto for_each_leaf = [&](const auto& action) {
      for (size_t i = 0; i < parameters.size(); ++i)
        if (parameters[i].second.requires_grad()) action(static_cast<int32_t>(i), parameters[i].second);
    };
    if (!watcher) return for_each_leaf([](int32_t, const at::Tensor& leaf) { compat::watch_gradient(leaf, nullptr); });
    for_each_leaf([](int32_t, const at::Tensor& leaf) {
      if (compat::is_watched(leaf)) fail(CTORCH_ERROR_ARGUMENT, "the gradients of this model are watched already");
    });
    for_each_leaf([&](int32_t number, const at::Tensor& leaf) {
      compat::watch_gradient(leaf, [=](const at::Tensor& parameter) {
        ctorch_tensor gradient{};
        store(&gradient, parameter.grad());
        watcher(context, number, gradient);
      });
    });
  });
}
