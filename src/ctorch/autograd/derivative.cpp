#include "autograd/derivative.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>
#include <torch/csrc/autograd/autograd.h>

#include "tensor/conversion.h"

namespace ctorch {
namespace {

[[noreturn]] void unrelated(const char* x, const char* y) {
  fail(CTORCH_ERROR_ARGUMENT, y, " does not depend on ", x, ": give the very variable that it was computed from, since an ",
       "assignment like copy = x makes a tensor of its own");
}

void check_real(const at::Tensor& tensor, const char* noun) {
  if (!tensor.is_floating_point()) fail(CTORCH_ERROR_ARGUMENT, noun, ": expected a real tensor, got ", describe(tensor));
}

void check_input(const at::Tensor& x, const char* noun) {
  if (!x.requires_grad())
    fail(CTORCH_ERROR_ARGUMENT, noun, " does not require gradients; make it with requires_grad=.true. or call ",
         "torch_tensor_set_requires_grad before anything is computed from it");
}

void check_pair(const at::Tensor& y, const at::Tensor& x) {
  check_recorded(y, "y");
  check_input(x, "x");
}

void check_shape(const at::Tensor& v, const at::Tensor& like, const char* of) {
  if (v.sizes() != like.sizes())
    fail(CTORCH_ERROR_ARGUMENT, "argument 'v': expected the shape of ", of, ", ", shape_text(like.sizes()), ", got ",
         shape_text(v.sizes()));
}

at::Tensor gradient(const at::Tensor& y, const at::Tensor& x, const at::Tensor& v, Graph graph) {
  return gradients({y}, {x}, {v}, graph)[0];
}

// One backward pass per element of y. An element that does not depend on x has a row of zeros.
at::Tensor rows(const at::Tensor& y, const at::Tensor& x, Graph graph, bool* related) {
  const int64_t count = y.numel();
  std::vector<at::Tensor> parts;
  for (int64_t i = 0; i < count; ++i) {
    const at::Tensor unit = at::zeros(y.sizes(), y.options());
    unit.view({-1}).narrow(0, i, 1).fill_(1);
    const Graph pass{graph.retain || i + 1 < count, graph.create};
    at::Tensor row = gradient(y, x, unit, pass);
    *related |= row.defined();
    parts.push_back(row.defined() ? row : at::zeros_like(x));
  }
  const std::vector<int64_t> shape = joined_shapes(y.sizes(), x.sizes());
  return parts.empty() ? at::zeros(shape, x.options()) : at::stack(parts).reshape(shape);
}

}  // namespace

std::vector<int64_t> joined_shapes(c10::IntArrayRef first, c10::IntArrayRef second) {
  std::vector<int64_t> shape(first.begin(), first.end());
  shape.insert(shape.end(), second.begin(), second.end());
  return shape;
}

void check_recorded(const at::Tensor& tensor, const char* noun) {
  if (!tensor.requires_grad())
    fail(CTORCH_ERROR_ARGUMENT, noun, " depends on nothing that requires gradients; make an input with requires_grad=.true.");
}

void explain_graph(const std::exception& error) {
  const auto* complaint = dynamic_cast<const c10::Error*>(&error);
  if (!complaint || dynamic_cast<const c10::OutOfMemoryError*>(&error)) throw;
  const std::string what = complaint->what_without_backtrace();
  if (what.find("backward through the graph a second time") != std::string::npos)
    fail(
        CTORCH_ERROR_ARGUMENT,
        "the graph was freed by the call that ran through it before; give that call retain_graph=.true., or compute the result "
        "again");
  fail(CTORCH_ERROR_ARGUMENT, "PyTorch: ", what.substr(0, what.find(" Hint: enable anomaly")));
}

std::vector<at::Tensor> gradients(const std::vector<at::Tensor>& outputs, const std::vector<at::Tensor>& inputs,
                                  const std::vector<at::Tensor>& grad_outputs, Graph graph) {
  try {
    return torch::autograd::grad(outputs, inputs, grad_outputs, graph.keep(), graph.create, /*allow_unused=*/true);
  } catch (const std::exception& error) {
    explain_graph(error);
  }
}

at::Tensor vector_jacobian(const at::Tensor& y, const at::Tensor& x, const at::Tensor& v, Graph graph) {
  check_pair(y, x);
  check_shape(v, y, "y");
  at::Tensor result = gradient(y, x, v, graph);
  if (!result.defined()) unrelated("x", "y");
  return result;
}

// Forwards by running backwards twice: the gradient is linear in what it is given, and its derivative with respect to that is
// the transposed matrix.
at::Tensor jacobian_vector(const at::Tensor& y, const at::Tensor& x, const at::Tensor& v, Graph graph) {
  check_pair(y, x);
  check_shape(v, x, "x");
  at::AutoGradMode record(true);
  const at::Tensor given = at::zeros_like(y).requires_grad_(true);
  const at::Tensor back = gradient(y, x, given, {.create = true});
  if (!back.defined()) unrelated("x", "y");
  if (!back.requires_grad()) return at::zeros_like(y);
  at::Tensor result = gradient(back, given, v, {.create = graph.create});
  return result.defined() ? result : at::zeros_like(y);
}

at::Tensor jacobian(const at::Tensor& y, const at::Tensor& x, Graph graph) {
  check_real(y, "y");
  check_real(x, "x");
  check_pair(y, x);
  bool related = y.numel() == 0;
  at::AutoGradMode record(graph.create);
  at::Tensor result = rows(y, x, graph, &related);
  if (!related) unrelated("x", "y");
  return result;
}

at::Tensor hessian(const at::Tensor& y, const at::Tensor& x, Graph graph) {
  check_real(y, "y");
  check_real(x, "x");
  check_pair(y, x);
  if (y.numel() != 1)
    fail(CTORCH_ERROR_ARGUMENT, "y: expected a single number, got ", describe(y), "; sum it, or take one element");
  at::AutoGradMode record(true);
  const at::Tensor first = gradient(y, x, at::ones_like(y), {.create = true});
  if (!first.defined()) unrelated("x", "y");
  bool curved = false;  // where the gradient does not depend on x its derivative is zero
  if (first.requires_grad()) {
    at::Tensor result = rows(first, x, graph, &curved);
    if (curved || graph.create) return result;
  }
  return at::zeros(joined_shapes(x.sizes(), x.sizes()), x.options());
}

}  // namespace ctorch
