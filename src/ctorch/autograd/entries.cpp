// Entries of automatic differentiation.
#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include "autograd/derivative.h"
#include "ctorch_autograd.h"
#include "operations/operation.h"

using namespace ctorch;

namespace {

// What an output's gradient is by default: nobody could guess one for several elements.
void check_implied(const at::Tensor& tensor, const char* argument) {
  if (tensor.numel() != 1)
    fail(CTORCH_ERROR_ARGUMENT, "a tensor of ", tensor.numel(), " elements needs ", argument,
         "; only a single element has an implied gradient of 1");
}

void check_gradient(const at::Tensor& gradient, const at::Tensor& tensor, const char* argument) {
  if (gradient.sizes() != tensor.sizes())
    fail(CTORCH_ERROR_ARGUMENT, "argument '", argument, "': expected the tensor's shape ", shape_text(tensor.sizes()), ", got ",
         shape_text(gradient.sizes()));
}

// A copy: the next backward pass adds to the gradient where it is.
at::Tensor accumulated(const at::Tensor& tensor) {
  const at::Tensor& gradient = tensor.grad();
  if (!gradient.defined())
    fail(CTORCH_ERROR_ARGUMENT,
         "the tensor has no gradient: it needs requires_grad=.true. and a call of torch_tensor_backward "
         "on something computed from it");
  return gradient.clone();
}

Graph graph_of(int32_t retain, int32_t create) { return {retain != 0, create != 0}; }

void check_count(int32_t got, int32_t expected, const char* argument, const char* of) {
  if (got != expected)
    fail(CTORCH_ERROR_ARGUMENT, "argument '", argument, "': expected one tensor for each of the ", expected, " ", of, ", got ",
         got);
}

std::vector<at::Tensor> checked_grad_outputs(const ctorch_tensor handles[], int32_t count,
                                             const std::vector<at::Tensor>& outputs) {
  std::vector<at::Tensor> list(outputs.size());
  if (count > 0) check_count(count, static_cast<int32_t>(outputs.size()), "grad_outputs", "outputs");
  for (size_t i = 0; i < outputs.size(); ++i) {
    check_recorded(outputs[i], outputs.size() == 1 ? "the output" : "an output");
    if (count > 0 && handles[i].id) {
      list[i] = *Input(&handles[i], "grad_outputs");
      check_gradient(list[i], outputs[i], "grad_outputs");
    } else {
      check_implied(outputs[i], "grad_outputs");
    }
  }
  return list;
}

}  // namespace

extern "C" {

int32_t ctorch_tensor_backward(const ctorch_tensor* tensor, const ctorch_tensor* external_gradient, int32_t retain_graph,
                               int32_t create_graph) {
  return compute([&] {
    Input output(tensor, "tensor");
    OptionalInput given(external_gradient, "external_gradient");
    check_recorded(*output, "the tensor");
    const at::Tensor gradient = given.value().value_or(output->numel() == 1 ? at::Tensor() : at::ones_like(*output));
    if (gradient.defined()) check_gradient(gradient, *output, "external_gradient");
    try {
      output->backward(gradient, retain_graph || create_graph, create_graph != 0);
    } catch (const std::exception& error) {
      explain_graph(error);
    }
  });
}

int32_t ctorch_tensor_gradient(const ctorch_tensor* tensor, ctorch_tensor* gradient) {
  return compute([&] { store_result(gradient, accumulated(*Input(tensor, "tensor"))); });
}

int32_t ctorch_autograd_gradient(const ctorch_tensor* tensor, int32_t lifetime, ctorch_tensor* result) {
  return compute([&] { return_result(result, lifetime, accumulated(*Input(tensor, "tensor"))); });
}

int32_t ctorch_tensor_zero_grad(const ctorch_tensor* tensor) {
  return guard([&] {
    Input input(tensor, "tensor");
    if (!input->grad().defined()) return;
    at::NoGradGuard values_only;
    at::Tensor& gradient = input->mutable_grad();
    gradient = gradient.detach();  // from what create_graph has recorded
    gradient.zero_();
  });
}

int32_t ctorch_tensor_set_requires_grad(const ctorch_tensor* tensor, int32_t requires_grad) {
  return guard([&] {
    Input input(tensor, "tensor");
    if (requires_grad && !differentiable(input->scalar_type()))
      fail(CTORCH_ERROR_ARGUMENT, "only real and complex tensors have gradients, got ", describe(*input));
    if (!requires_grad && !input->is_leaf())
      fail(CTORCH_ERROR_ARGUMENT,
           "the tensor was computed from others that require gradients; torch_detach gives one that is cut off from them");
    try {
      input->set_requires_grad(requires_grad != 0);
    } catch (const std::exception& error) {
      explain_graph(error);
    }
  });
}

int32_t ctorch_autograd_grad(const ctorch_tensor outputs[], int32_t n_outputs, const ctorch_tensor inputs[], int32_t n_inputs,
                             const ctorch_tensor grad_outputs[], int32_t n_grad_outputs, int32_t retain_graph,
                             int32_t create_graph, int32_t allow_unused, ctorch_tensor results[], int32_t n_gradients) {
  return compute([&] {
    InputList from(outputs, n_outputs, "outputs"), to(inputs, n_inputs, "inputs");
    check_count(n_gradients, n_inputs, "gradients", "inputs");
    const auto given = checked_grad_outputs(grad_outputs, n_grad_outputs, from.values());
    for (size_t i = 0; i < to.values().size(); ++i)
      if (!to.values()[i].requires_grad())
        fail(CTORCH_ERROR_ARGUMENT, "input ", i + 1, " does not require gradients; make it with requires_grad=.true. or call ",
             "torch_tensor_set_requires_grad before anything is computed from it");
    auto list = gradients(from.values(), to.values(), given, graph_of(retain_graph, create_graph));
    for (size_t i = 0; i < list.size(); ++i) {
      if (list[i].defined()) continue;
      if (!allow_unused)
        fail(CTORCH_ERROR_ARGUMENT, "the outputs do not depend on input ", i + 1,
             "; pass allow_unused=.true. if its gradient is meant to be zero");
      list[i] = at::zeros_like(to.values()[i]);
    }
    store_results(results, n_gradients, std::move(list), "gradients");
  });
}

int32_t ctorch_autograd_vjp(const ctorch_tensor* y, const ctorch_tensor* x, const ctorch_tensor* v, int32_t retain_graph,
                            int32_t create_graph, int32_t lifetime, ctorch_tensor* result) {
  return compute([&] {
    Input of(y, "y"), by(x, "x"), with(v, "v");
    return_result(result, lifetime, vector_jacobian(*of, *by, *with, graph_of(retain_graph, create_graph)));
  });
}

int32_t ctorch_autograd_jvp(const ctorch_tensor* y, const ctorch_tensor* x, const ctorch_tensor* v, int32_t create_graph,
                            int32_t lifetime, ctorch_tensor* result) {
  return compute([&] {
    Input of(y, "y"), by(x, "x"), with(v, "v");
    return_result(result, lifetime, jacobian_vector(*of, *by, *with, graph_of(1, create_graph)));
  });
}

int32_t ctorch_autograd_jacobian(const ctorch_tensor* y, const ctorch_tensor* x, int32_t retain_graph, int32_t create_graph,
                                 int32_t lifetime, ctorch_tensor* result) {
  return compute([&] {
    Input of(y, "y"), by(x, "x");
    return_result(result, lifetime, jacobian(*of, *by, graph_of(retain_graph, create_graph)));
  });
}

int32_t ctorch_autograd_hessian(const ctorch_tensor* y, const ctorch_tensor* x, int32_t retain_graph, int32_t create_graph,
                                int32_t lifetime, ctorch_tensor* result) {
  return compute([&] {
    Input of(y, "y"), by(x, "x");
    return_result(result, lifetime, hessian(*of, *by, graph_of(retain_graph, create_graph)));
  });
}

}  // extern "C"
