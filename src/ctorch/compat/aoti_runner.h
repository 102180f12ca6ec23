// PyTorch's runners of code that AOTInductor compiled: for the CPU the one whose mode without locks has no public name; for
// others the one that PyTorch's library for that device has registered.
#pragma once
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace torch::inductor {
class AOTIModelContainerRunner;
}

namespace ctorch::compat {

class AotiRunner {
 public:
  AotiRunner(const std::string& library, c10::Device device);
  ~AotiRunner();
  AotiRunner(const AotiRunner&) = delete;
  AotiRunner& operator=(const AotiRunner&) = delete;

  size_t count_inputs() const;  // throws anything if the code does not say

  // What the code calls a constant, and its name in state_dict.
  std::unordered_map<std::string, std::string> constant_names() const;

  // The constants by their name in state_dict: tensors over the memory that the code reads.
  std::unordered_map<std::string, at::Tensor> constants() const;

  // Lets the code compute with these, by its own names for them; they and the map must stay where they are.
  void use_constants(std::unordered_map<std::string, at::Tensor>& constants);

  std::vector<at::Tensor> run(std::vector<at::Tensor>&& inputs);

 private:
  std::unique_ptr<torch::inductor::AOTIModelContainerRunner> runner_;
  std::mutex launching_;  // of code for a device
  bool on_device_ = false;
};

// The first operation of a compiled library that draws random numbers; empty if none does.
std::string random_operator_of_library(const std::string& file);

}  // namespace ctorch::compat
