#include "model/torchscript/random_operators.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/constant_propagation.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <string_view>
#include <vector>

namespace ctorch {
namespace {

using torch::jit::Graph;
using torch::jit::Node;

// Calls `visit` with every node, also in branches, loops and graphs within, until it returns true.
template <class Visit>
bool any_node(const torch::jit::Block& block, const Visit& visit) {
  for (const Node* node : block.nodes()) {
    if (visit(*node)) return true;
    for (const torch::jit::Block* inner : node->blocks())
      if (any_node(*inner, visit)) return true;
    if (node->hasAttribute(torch::jit::attr::Subgraph) && any_node(*node->g(torch::jit::attr::Subgraph)->block(), visit))
      return true;
  }
  return false;
}

bool tagged_random(const c10::FunctionSchema& schema) {
  const auto& arguments = schema.arguments();
  if (std::any_of(arguments.begin(), arguments.end(), [](const auto& argument) { return argument.name() == "generator"; }))
    return true;
  const auto found = c10::Dispatcher::singleton().findSchema(schema.operator_name());
  return found && found->hasTag(at::Tag::nondeterministic_seeded);
}

// Arguments by which an operation that could draw is told not to.
bool switched_off(const Node& node, const c10::FunctionSchema& schema) {
  const std::string_view kind = node.kind().toUnqualString();
  const bool is_dropout = kind.find("dropout") != std::string_view::npos;
  for (size_t i = 0; i < std::min(node.inputs().size(), schema.arguments().size()); ++i) {
    const std::string& name = schema.arguments()[i].name();
    const auto value = torch::jit::toIValue(node.inputs()[i]);
    if (!value) continue;
    if ((name == "train" || name == "training") && value->isBool() && !value->toBool()) return true;
    if ((name == "dropout" || name == "dropout_p" || (is_dropout && name == "p")) && value->isDouble() &&
        value->toDouble() == 0)
      return true;
  }
  return false;
}

std::string search(const Graph& graph) {
  std::string found;
  any_node(*graph.block(), [&](const Node& node) {
    const c10::FunctionSchema* schema = node.maybeSchema();
    if (!schema || !tagged_random(*schema) || switched_off(node, *schema)) return false;
    found = node.kind().toQualString();
    return true;
  });
  return found;
}

void replace(Graph& graph, torch::jit::Value& value, bool by) {
  const torch::jit::WithInsertPoint first(*graph.block()->nodes().begin());
  value.replaceAllUsesWith(graph.insertConstant(by));
}

}  // namespace

std::string random_operator(const std::shared_ptr<Graph>& graph, std::span<const c10::IValue> attributes) {
  if (search(*graph).empty()) return {};
  std::shared_ptr<Graph> copy = graph->copy();
  const auto inputs = copy->inputs();
  for (size_t i = 0; i < attributes.size(); ++i)
    if (attributes[i].isBool()) replace(*copy, *inputs[inputs.size() - attributes.size() + i], attributes[i].toBool());
  std::vector<torch::jit::Value*> modes;
  any_node(*copy->block(), [&](const Node& node) {
    if (node.kind() == c10::prim::GetAttr && node.s(torch::jit::attr::name) == "training")
      modes.push_back(const_cast<torch::jit::Value*>(node.output()));
    return false;
  });
  for (torch::jit::Value* mode : modes) replace(*copy, *mode, false);
  torch::jit::ConstantPropagation(copy);  // takes the branches that are not taken away
  return search(*copy);
}

std::string random_operator_of_library(const std::string& file) {
  // What generated code calls, in this order of names; seeds are numbers that it draws for its own formulas.
  static constexpr std::array names = {
      "aoti_torch_cpu_rand",        "aoti_torch_cpu_bernoulli", "aoti_torch_cpu_normal",
      "aoti_torch_cpu_multinomial", "aoti_torch_cpu_uniform",   "aoti_torch_cpu_exponential",
      "aoti_torch_cpu_geometric",   "aoti_torch_cpu_poisson",   "aoti_torch_cpu_native_dropout"};
  std::ifstream stream(file, std::ios::binary);
  const std::string content((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  for (const std::string_view name : names)
    if (const size_t at = content.find(name); at != std::string::npos) return content.c_str() + at;
  return {};
}

}  // namespace ctorch
