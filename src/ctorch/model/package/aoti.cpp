#include "model/package/aoti.h"

#include <map>

#include "core/error.h"

namespace ctorch {

AotiModel::AotiModel(const std::shared_ptr<const Library>& library, c10::Device device)
    : AotiModel(library, Library::Place(*library), device) {}

AotiModel::AotiModel(std::shared_ptr<const Library> library, const Library::Place& place, c10::Device device)
    : library_(std::move(library)), runner_(place.path(), device) {
  try {
    inputs_ = runner_.count_inputs();
  } catch (const std::exception&) {
    fail(CTORCH_ERROR_FILE, "the compiled code does not say how many inputs it takes");
  }
  random_ = compat::random_operator_of_library(place.path());
}

std::set<std::string> AotiModel::use_weights(const State& weights, const std::string& what) {
  std::map<std::string, std::string> wanted;  // what the code calls a weight, by its name in state_dict
  for (const auto& [constant, name] : runner_.constant_names()) wanted[name] = constant;
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
  const auto inside = runner_.constants();
  for (const auto& [name, constant] : wanted)
    if (!inside.contains(name))
      fail(CTORCH_ERROR_FILE, what, " needs a weight '", name, "' that the package does not have; export the model again");
  if (weights_.empty()) return unknown;
  runner_.use_constants(weights_);
  return unknown;
}

State AotiModel::constants() const {
  State state;
  const auto inside = runner_.constants();
  for (const auto& [name, value] : std::map<std::string, at::Tensor>(inside.begin(), inside.end()))
    state.emplace_back(name, value);
  return state;
}

std::vector<at::Tensor> AotiModel::run(std::vector<at::Tensor>&& inputs) {
  if (ready_.load(std::memory_order_acquire)) [[likely]]
    return runner_.run(std::move(inputs));
  std::lock_guard alone(first_call_);
  auto outputs = runner_.run(std::move(inputs));
  ready_.store(true, std::memory_order_release);
  return outputs;
}

}  // namespace ctorch
