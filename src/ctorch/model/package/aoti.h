// Code that AOTInductor compiled: one library, its constants, and calls from several threads at once.
#pragma once
#include <ATen/core/Tensor.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "compat/aoti_runner.h"
#include "io/state.h"
#include "model/package/library.h"

namespace ctorch {

class AotiModel {
 public:
  AotiModel(const std::shared_ptr<const Library>& library, c10::Device device);
  AotiModel(const AotiModel&) = delete;
  AotiModel& operator=(const AotiModel&) = delete;
  ~AotiModel() = default;

  // Lets the code compute with these tensors, whose memory must stay where it is for the life of this object: what is written
  // into them counts from the next call on. Returns the names that it does not know, because the compiler has built those
  // values in or never needed them; throws if it needs one that is not there.
  std::set<std::string> use_weights(const State& weights, const std::string& what);

  // The constants inside, by their name in state_dict: tensors over the memory that the code reads.
  State constants() const;

  // The inputs are taken over. Safe on several threads at once: PyTorch calls the mode without locks unsafe, but all that a
  // call changes after the first one is on its own stack; the first, which may fold constants, runs alone.
  std::vector<at::Tensor> run(std::vector<at::Tensor>&& inputs);

  size_t count_inputs() const { return inputs_; }
  const std::string& random_operator() const { return random_; }
  const std::shared_ptr<const Library>& library() const { return library_; }

 private:
  AotiModel(std::shared_ptr<const Library> library, const Library::Place& place, c10::Device device);

  std::shared_ptr<const Library> library_;
  compat::AotiRunner runner_;
  std::unordered_map<std::string, at::Tensor> weights_;  // PyTorch keeps the addresses of these
  size_t inputs_ = 0;
  std::string random_;
  std::atomic<bool> ready_{false};
  std::mutex first_call_;
};

}  // namespace ctorch
