// Entries of automatic differentiation, and the reductions that losses are made of.
#include <ATen/Functions.h>

#include "ctorch_autograd.h"
#include "tensor_handle.h"

using namespace ctorch;

extern "C" {

int32_t ctorch_tensor_backward(const ctorch_tensor* tensor, const ctorch_tensor* external_gradient, int32_t retain_graph) {
  return guard([&] {
    HostEnvironment host;
    Input output(tensor, "tensor");
    if (!output->requires_grad())
      fail(CTORCH_ERROR_ARGUMENT,
           "the tensor depends on nothing that requires gradients; make an input with requires_grad=.true.");
    at::Tensor gradient;
    if (external_gradient && external_gradient->id) {
      gradient = *Input(external_gradient, "external_gradient");
      if (gradient.sizes() != output->sizes())
        fail(CTORCH_ERROR_ARGUMENT, "argument 'external_gradient': expected the tensor's shape ", shape_text(output->sizes()),
             ", got ", shape_text(gradient.sizes()));
    } else if (output->numel() != 1) {
      fail(CTORCH_ERROR_ARGUMENT, "a tensor of ", output->numel(),
           " elements needs external_gradient; only a single element has an implied gradient of 1");
    }
    output->backward(gradient, retain_graph != 0);
  });
}

int32_t ctorch_tensor_gradient(const ctorch_tensor* tensor, ctorch_tensor* gradient) {
  return guard([&] {
    HostEnvironment host;
    Input input(tensor, "tensor");
    const at::Tensor grad = input->grad();
    if (!grad.defined())
      fail(CTORCH_ERROR_ARGUMENT,
           "the tensor has no gradient: it needs requires_grad=.true. and a call of torch_tensor_backward "
           "on something computed from it");
    deliver(gradient, grad.detach().clone());
  });
}

int32_t ctorch_tensor_zero_grad(const ctorch_tensor* tensor) {
  return guard([&] { Input(tensor, "tensor")->mutable_grad() = at::Tensor(); });
}

int32_t ctorch_tensor_sum(const ctorch_tensor* tensor, ctorch_tensor* output) {
  return guard([&] {
    HostEnvironment host;
    deliver(output, Input(tensor, "tensor")->sum(), /*scalar=*/true);
  });
}

int32_t ctorch_tensor_mean(const ctorch_tensor* tensor, ctorch_tensor* output) {
  return guard([&] {
    HostEnvironment host;
    deliver(output, Input(tensor, "tensor")->mean(), /*scalar=*/true);
  });
}

}  // extern "C"
