// The backend for TorchScript files, also for one that is a member of a package.
#pragma once
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "compat/read_adapter.h"
#include "contract/backend.h"

namespace ctorch {

class TorchScriptBackend : public Backend {
 public:
  // Lets the network compute with the memory of these tensors instead of its own; returns the names of those that it does not
  // have with this dtype and shape.
  virtual std::set<std::string> use_weights(const State& weights) = 0;
};

// `path` is for messages.
std::unique_ptr<TorchScriptBackend> load_torchscript(const std::shared_ptr<compat::ReadAdapter>& content,
                                                     const std::string& path, c10::Device device,
                                                     std::optional<bool> requires_grad, bool is_training, Extras& extras);

}  // namespace ctorch
