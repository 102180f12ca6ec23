#include "model/package/aoti.h"

#include <torch/csrc/inductor/aoti_runner/model_container_runner_cpu.h>

#include <map>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "model/torchscript/random_operators.h"

namespace ctorch {
namespace {

// Leaves of a tree specification as PyTorch writes it: [version, {"type": null for a leaf, "children_spec": [...]}].
size_t count_leaves(const nlohmann::json& node) {
  const auto& children = node.at("children_spec");
  if (node.at("type").is_null()) return 1;
  size_t count = 0;
  for (const auto& child : children) count += count_leaves(child);
  return count;
}

}  // namespace

AotiModel::AotiModel(std::shared_ptr<const Library> code, c10::Device device) : library_(std::move(code)) {
  const Library::Place place(*library_);
  const std::string& library = place.path();
  if (device.is_cpu()) {
    runner_ = std::make_unique<torch::inductor::AOTIModelContainerRunnerCpu>(library, 1, /*run_single_threaded=*/true);
  } else {
    const auto& makers = torch::inductor::getAOTIModelRunnerRegistry();
    const auto maker = makers.find(c10::DeviceTypeName(device.type(), /*lower_case=*/true));
    if (maker == makers.end()) fail(CTORCH_ERROR_DEVICE, "this PyTorch cannot run compiled code on ", device.str());
    runner_ = maker->second(library, 1, device.str(), library.substr(0, library.rfind('/')), false);
  }
  try {
    inputs_ = count_leaves(nlohmann::json::parse(runner_->get_call_spec().at(0)).at(1));
  } catch (const std::exception&) {
    fail(CTORCH_ERROR_FILE, "the compiled code does not say how many inputs it takes");
  }
  random_ = random_operator_of_library(library);
}

AotiModel::~AotiModel() = default;

std::set<std::string> AotiModel::use_weights(const State& weights, const std::string& what) {
  std::map<std::string, std::string> wanted;  // what the code calls a weight, by its name in state_dict
  for (const auto& [constant, name] : runner_->getConstantNamesToOriginalFQNs()) wanted[name] = constant;
  std::set<std::string> unknown;
  for (const auto& [name, value] : weights) {
    const auto found = wanted.find(name);
    if (found == wanted.end()) {
      unknown.insert(name);
      continue;
    }
    weights_[found->second] = value;
    wanted.erase(found);
  }
  const auto inside = runner_->extract_constants_map(/*use_inactive=*/false);
  for (const auto& [name, constant] : wanted)
    if (!inside.contains(name))
      fail(CTORCH_ERROR_FILE, what, " needs a weight '", name, "' that the package does not have; export the model again");
  if (weights_.empty()) return unknown;
  // Without the check for completeness, which prints what it misses.
  runner_->update_constant_buffer(weights_, /*use_inactive=*/false, /*validate_full_updates=*/false, /*user_managed=*/true);
  return unknown;
}

State AotiModel::constants() const {
  State state;
  const auto inside = runner_->extract_constants_map(/*use_inactive=*/false);
  for (const auto& [name, value] : std::map<std::string, at::Tensor>(inside.begin(), inside.end()))
    state.emplace_back(name, value);
  return state;
}

std::vector<at::Tensor> AotiModel::run(std::vector<at::Tensor>&& inputs) {
  if (ready_.load(std::memory_order_acquire)) [[likely]]
    return runner_->boxed_run(std::move(inputs));
  std::lock_guard alone(first_call_);
  auto outputs = runner_->boxed_run(std::move(inputs));
  ready_.store(true, std::memory_order_release);
  return outputs;
}

}  // namespace ctorch
