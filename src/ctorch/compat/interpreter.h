// TorchScript's executor and interpreter. The public way, torch::jit::Method, looks every weight up in the module at each call.
#pragma once
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/passes/lower_graph.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ctorch::compat {

using torch::jit::Code;
using torch::jit::GraphExecutor;
using SharedGraph = std::shared_ptr<torch::jit::Graph>;

inline SharedGraph graph_of(torch::jit::Function& function) { return torch::jit::toGraphFunction(function).optimized_graph(); }

// The graph with the attributes of its module as further inputs, and their present values. Throws where it does more with them
// than read them.
inline std::pair<SharedGraph, std::vector<c10::IValue>> attributes_as_inputs(torch::jit::Graph& graph,
                                                                             const torch::jit::ModulePtr& module) {
  return torch::jit::LowerGraph(graph, module);
}

// Code that runs each operation of a graph as it stands.
inline Code unoptimized_code(const SharedGraph& graph, const std::string& name) {
  const SharedGraph plain = graph->copy();
  torch::jit::runRequiredPasses(plain);
  return Code(plain, name);
}

inline void run(const Code& code, torch::jit::Stack& stack) { torch::jit::InterpreterState(code).run(stack); }

// GraphExecutor::run without its statistics.
inline void run(GraphExecutor& executor, torch::jit::Stack& stack) { run(executor.getPlanFor(stack).code, stack); }

}  // namespace ctorch::compat
