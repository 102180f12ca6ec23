// What TorchScript's intermediate representation tells about a network.
#pragma once
#include <memory>
#include <span>
#include <string>

namespace c10 {
struct IValue;
}
namespace torch::jit {
struct Graph;
}

namespace ctorch::compat {

// The first operation that draws random numbers in evaluation mode, as "aten::dropout"; empty if none does. `attributes` are
// the values that the graph takes as its last inputs: what they switch off does not count. An attribute named `training` is
// taken to be off.
std::string random_operator(const std::shared_ptr<torch::jit::Graph>& graph, std::span<const c10::IValue> attributes);

// Whether an operation that has two modes is told by a constant to be in evaluation mode, as tracing makes it.
bool fixed_in_evaluation_mode(std::shared_ptr<torch::jit::Graph> graph);

// Whether something is written that may be one of the inputs.
bool writes_inputs(const std::shared_ptr<torch::jit::Graph>& graph);

}  // namespace ctorch::compat
