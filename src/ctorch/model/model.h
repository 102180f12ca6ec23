// A loaded model: a backend, its contract and the device it lives on.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "contract/backend.h"
#include "contract/spec.h"
#include "device/products.h"
#include "device/staging.h"
#include "host/environment.h"
#include "io/archive.h"
#include "model/call_counter.h"
#include "model/graphs.h"
#include "tensor/array.h"

namespace ctorch {

struct LoadOptions {
  c10::Device device{c10::kCPU};
  std::optional<bool> requires_grad;  // of the weights; nothing: as in the file
  bool is_training = false;
  bool trust = false;         // admits compiled code without our contract
  bool allow_random = false;  // admits a network that draws random numbers in evaluation mode
  std::string sha256;         // of the file; empty: any
};

class Model {
 public:
  Model(const FileSource& source, const LoadOptions& options);
  ~Model() = default;
  Model& operator=(const Model&) = delete;

  // The short way, without tensors in between: false, with nothing done, unless everything fits.
  bool can_run_directly() const { return backend_->can_run_directly(); }
  template <class Ports>
  bool run_directly(const Ports& inputs, const Ports& outputs, bool convert) const {
    FloatEnvironment arithmetic(flush());
    const Direct outcome = backend_->run_directly(inputs, outputs, convert, nullptr);
    const bool subnormals = arithmetic.leave();
    if (outcome == Direct::shareable) [[unlikely]]
      return share_out(inputs, outputs, convert);
    if (outcome == Direct::done) count_call(subnormals);
    return outcome == Direct::done;
  }

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

  // Writes the model in evaluation mode. A sample that the weights have outgrown is replaced by what they give for its inputs.
  void save(const std::string& path) const;

  // The same network with weights of its own; gradients stay behind.
  std::shared_ptr<Model> copy() const;

  // Records calls on the device and does them again; nothing happens on the CPU.
  void use_graphs(bool on);
  Graphs::Counts graph_counts() const { return graphs_.counts(); }

  void set_training(bool on);
  void to(c10::Device device, std::optional<at::ScalarType> dtype);

  // Pairs the model's tensors with the values for them. Strict: throws, listing the names, unless each has exactly one of its
  // dtype and shape; otherwise those that the state lacks are left out, and what only the state has. `origin` is where the
  // state is from.
  using Match = std::vector<std::pair<at::Tensor, at::Tensor>>;
  Match match(const State& state, bool strict, const std::string& origin) const;

  int64_t calls() const { return calls_.total(); }
  int64_t subnormal_calls() const { return subnormal_calls_.load(std::memory_order_relaxed); }
  const Backend& backend() const { return *backend_; }
  const std::optional<Spec>& spec() const { return extras_.spec; }
  c10::Device device() const { return device_; }
  StagingPool& staging() const { return staging_; }  // for arrays of the host, where the device is another one

 private:
  template <class Ports>
  [[gnu::noinline]] bool share_out(const Ports& inputs, const Ports& outputs, bool convert) const {
    const HostEnvironment host;
    FloatCall arithmetic(flush());
    const Direct outcome = backend_->run_directly(inputs, outputs, convert, &arithmetic);
    if (outcome == Direct::done) count_call(arithmetic.met_subnormals());
    return outcome == Direct::done;
  }
  const TensorSpec* output_spec(size_t index) const;
  // While it lives, a device multiplies as the contract says; without one, in full float32.
  Products products() const { return Products(device_, extras_.spec && extras_.spec->tf32); }
  Flush flush() const { return extras_.spec ? extras_.spec->flush : Flush::as_host; }
  void count_call(bool met_subnormals) const {
    calls_.add();
    if (met_subnormals) [[unlikely]]
      subnormal_calls_.fetch_add(1, std::memory_order_relaxed);
  }
  Model(const Model& other);
  void find_float_type();
  void refuse_random() const;
  [[noreturn]] void fail_on(c10::ArrayRef<std::pair<size_t, at::Tensor>> whole_numbers) const;
  uint64_t fingerprint() const;
  void compute(c10::SmallVectorImpl<at::Tensor>& inputs, Results& results) const;
  void check_inputs(c10::SmallVectorImpl<at::Tensor>& inputs, bool convert) const;
  std::optional<Results> warm_up() const;  // what the last run returned; none if the network fails on what it was given
  using Sample = std::pair<std::vector<at::Tensor>, std::vector<at::Tensor>>;  // inputs and outputs
  Sample golden_sample() const;
  std::string new_sample() const;

  mutable CallCounter calls_;  // before all else: it lies on cache lines of its own
  mutable std::atomic<int64_t> subnormal_calls_{0};
  mutable StagingPool staging_;
  mutable Graphs graphs_;
  std::unique_ptr<Backend> backend_;
  Extras extras_;
  uint64_t sampled_ = 0;  // the fingerprint of the weights that the sample is of
  size_t fewest_inputs_ = 0;
  size_t most_inputs_ = 0;
  c10::ScalarType float_type_ = c10::kFloat;  // dtype of the weights: what real inputs are converted to without a contract
  c10::Device device_;
  bool allow_random_ = false;
  std::string name_;  // of the file, for messages
};

// Puts matched values into their places.
void copy_matched(const Model::Match& match);

// Copies a result that has been checked.
void write_output(const at::Tensor& result, const at::Tensor& target);

}  // namespace ctorch
