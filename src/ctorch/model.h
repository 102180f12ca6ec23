// A loaded model: a backend, its contract and the device it lives on.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "array.h"
#include "backend.h"
#include "spec.h"

namespace ctorch {

class Model {
 public:
  Model(const std::string& path, c10::Device device, bool requires_grad, bool is_training);

  // Runs on prepared inputs after checking them and takes them over; the caller has entered the host environment and the
  // gradient mode.
  void run(c10::SmallVectorImpl<at::Tensor>& inputs, bool convert, Results& results) const;

  // Checks that a result fits the tensor given for it: exactly its shape, device and dtype (with convert, one that can hold the
  // values). `number` is its place in the call, `index` its place in the contract.
  void check_output(size_t number, size_t index, const at::Tensor& result, const at::Tensor& target, bool convert) const;

  void check_output_count(size_t returned, size_t asked) const;

  // Index of each wanted output among the results, by the contract's names or a dictionary's keys.
  size_t output_named(const std::string& name, const Results& results) const;

  double self_test() const;
  void save(const std::string& path) const;

  const Backend& backend() const { return *backend_; }
  const std::optional<Spec>& spec() const { return spec_; }
  c10::Device device() const { return device_; }

 private:
  const TensorSpec* output_spec(size_t index) const;
  void check_inputs(c10::SmallVectorImpl<at::Tensor>& inputs, bool convert) const;
  void warm_up() const;
  std::pair<std::vector<at::Tensor>, std::vector<at::Tensor>> golden_sample() const;

  c10::Device device_;
  Extras extras_;
  std::unique_ptr<Backend> backend_;
  std::optional<Spec> spec_;
  c10::ScalarType float_type_ = c10::kFloat;  // dtype of the weights: what real inputs are converted to without a contract
  size_t fewest_inputs_ = 0;
  size_t most_inputs_ = 0;
};

// Copies a result that has been checked.
void write_output(const at::Tensor& result, const at::Tensor& target);

}  // namespace ctorch
