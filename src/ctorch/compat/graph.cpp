#include "compat/graph.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/jit/ir/alias_analysis.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/runtime/graph_iterator.h>

#include <algorithm>
#include <string_view>
#include <vector>

namespace ctorch::compat {
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

bool fixed_in_evaluation_mode(std::shared_ptr<Graph> graph) {
  torch::jit::DepthFirstGraphNodeIterator nodes(graph);
  while (const Node* node = nodes.next()) {
    const std::string_view kind = node->kind().toUnqualString();
    const size_t mode = kind == "batch_norm" || kind == "instance_norm" ? 5 : 2;
    if ((mode == 5 || kind.ends_with("dropout")) && node->inputs().size() > mode) {
      const auto value = torch::jit::toIValue(node->input(mode));
      if (value && value->isBool() && !value->toBool()) return true;
    }
  }
  return false;
}

bool writes_inputs(const std::shared_ptr<Graph>& graph) {
  const torch::jit::AliasDb aliases(graph);
  const auto values = graph->inputs();
  return std::any_of(values.begin(), values.end(), [&](const torch::jit::Value* value) { return aliases.hasWriters(value); });
}

}  // namespace ctorch::compat
