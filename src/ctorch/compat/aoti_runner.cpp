#include "compat/aoti_runner.h"

#include <torch/csrc/inductor/aoti_runner/model_container_runner_cpu.h>

#include <array>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "compat/code_errors.h"

namespace ctorch::compat {
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

AotiRunner::AotiRunner(const std::string& library, c10::Device device) {
  const WordsOfLoading unsaid;
  if (device.is_cpu()) {
    runner_ = std::make_unique<torch::inductor::AOTIModelContainerRunnerCpu>(library, 1, /*run_single_threaded=*/true);
    return;
  }
  const auto& makers = torch::inductor::getAOTIModelRunnerRegistry();
  const auto maker = makers.find(c10::DeviceTypeName(device.type(), /*lower_case=*/true));
  if (maker == makers.end()) throw std::runtime_error("this PyTorch cannot run compiled code on " + device.str());
  // The kernels for the device are inside the library. PyTorch's own mode for several threads waits until the device has done
  // the call before, which takes time and cannot be part of a graph; calls need only be queued one by one.
  runner_ = maker->second(library, 1, device.str(), /*bin_dir=*/"", /*run_single_threaded=*/true);
  on_device_ = true;
}

AotiRunner::~AotiRunner() = default;

size_t AotiRunner::count_inputs() const { return count_leaves(nlohmann::json::parse(runner_->get_call_spec().at(0)).at(1)); }

std::unordered_map<std::string, std::string> AotiRunner::constant_names() const {
  return runner_->getConstantNamesToOriginalFQNs();
}

std::unordered_map<std::string, at::Tensor> AotiRunner::constants() const {
  return runner_->extract_constants_map(/*use_inactive=*/false);
}

void AotiRunner::use_constants(std::unordered_map<std::string, at::Tensor>& constants) {
  // Without the check for completeness, which prints what it misses.
  runner_->update_constant_buffer(constants, /*use_inactive=*/false, /*validate_full_updates=*/false, /*user_managed=*/true);
}

std::vector<at::Tensor> AotiRunner::run(std::vector<at::Tensor>&& inputs) {
  std::unique_lock lock(launching_, std::defer_lock);
  if (on_device_) lock.lock();
  try {
    return runner_->boxed_run(std::move(inputs));
  } catch (const std::exception&) {
    const std::string cause = take_error_of_code();
    if (cause.empty()) throw;
    throw std::runtime_error(cause);
  }
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

}  // namespace ctorch::compat
