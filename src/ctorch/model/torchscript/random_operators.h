// Whether a network draws random numbers in evaluation mode: then it answers differently at each call, and the library does not
// run it by itself, for that would move the random numbers of the program.
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

namespace ctorch {

// The first operation of a graph that does, as "aten::dropout"; empty if none does. `attributes` are the values that the graph
// takes as its last inputs: what they switch off does not count. An attribute named `training` is taken to be off.
std::string random_operator(const std::shared_ptr<torch::jit::Graph>& graph, std::span<const c10::IValue> attributes);

// The same for a library that AOTInductor made.
std::string random_operator_of_library(const std::string& file);

}  // namespace ctorch
