// Derivatives by running backwards through a recorded graph.
#pragma once
#include <ATen/core/Tensor.h>

#include <vector>

namespace ctorch {

// What becomes of the graph that a derivative runs through.
struct Graph {
  bool retain = false;  // it can be run through again
  bool create = false;  // the derivative is recorded itself
  bool keep() const { return retain || create; }
};

// Gradients of outputs with respect to inputs; undefined for an input they do not depend on. An undefined grad_output is the
// implied 1 of a single element.
std::vector<at::Tensor> gradients(const std::vector<at::Tensor>& outputs, const std::vector<at::Tensor>& inputs,
                                  const std::vector<at::Tensor>& grad_outputs, Graph graph);

at::Tensor vector_jacobian(const at::Tensor& y, const at::Tensor& x, const at::Tensor& v, Graph graph);
at::Tensor jacobian_vector(const at::Tensor& y, const at::Tensor& x, const at::Tensor& v, Graph graph);
at::Tensor jacobian(const at::Tensor& y, const at::Tensor& x, Graph graph);  // shape of y, then of x
at::Tensor hessian(const at::Tensor& y, const at::Tensor& x, Graph graph);   // of a single number y: shape of x twice

// The shape of a derivative: that of what is differentiated, then that of what it is differentiated by.
std::vector<int64_t> joined_shapes(c10::IntArrayRef first, c10::IntArrayRef second);

// Refuses a tensor that depends on nothing that requires gradients.
void check_recorded(const at::Tensor& tensor, const char* noun);

// Throws PyTorch's complaint about a graph with the words of this interface.
[[noreturn]] void explain_graph(const std::exception& error);

}  // namespace ctorch
