// Backend for TorchScript files (torch.jit.save).
#include "model/torchscript/backend.h"

#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/export.h>
#include <torch/csrc/jit/serialization/import.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <tuple>
#include <unordered_set>

#include "compat/graph.h"
#include "compat/interpreter.h"
#include "compat/tensor_impl.h"
#include "core/error.h"
#include "io/archive.h"
#include "tensor/conversion.h"
#include "tensor/memory.h"

namespace ctorch {
namespace {

constexpr const char* spec_record = "ftorch_spec.json";
constexpr const char* golden_record = "ftorch_golden.pt";

void flatten(const c10::IValue& value, const std::string& name, Results& results) {
  const auto child = [&](const std::string& key) {
    return results.want_names ? (name.empty() ? key : name + "." + key) : std::string();
  };
  if (value.isTensor()) {
    if (!value.toTensor().defined()) fail(CTORCH_ERROR_MODEL, "the model returned an undefined tensor");
    results.values.push_back(value.toTensor());
    if (results.want_names) results.names.push_back(name);
  } else if (value.isTensorList()) {
    size_t index = 0;
    for (const at::Tensor& item : value.toTensorVector()) flatten(item, child(std::to_string(++index)), results);
  } else if (value.isTuple()) {
    size_t index = 0;
    for (const auto& item : value.toTupleRef().elements()) flatten(item, child(std::to_string(++index)), results);
  } else if (value.isList()) {
    size_t index = 0;
    for (const c10::IValue& item : value.toListRef()) flatten(item, child(std::to_string(++index)), results);
  } else if (value.isGenericDict()) {
    const auto dictionary = value.toGenericDict();
    std::vector<std::pair<std::string, c10::IValue>> items;
    for (const auto& item : dictionary) {
      std::ostringstream key;
      if (item.key().isString())
        key << item.key().toStringRef();
      else
        key << item.key();
      items.emplace_back(key.str(), item.value());
    }
    std::sort(items.begin(), items.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [key, item] : items) flatten(item, child(key), results);
  } else if (value.isDouble() || value.isInt() || value.isBool()) {
    const auto type = value.isDouble() ? c10::kDouble : value.isInt() ? c10::kLong : c10::kBool;
    flatten(at::scalar_tensor(value.toScalar(), at::TensorOptions(type)), name, results);
  } else if (!value.isNone()) {
    fail(CTORCH_ERROR_MODEL, "the model returned a ", value.tagKind(),
         ", which is no tensor nor a tuple, list or dictionary of them");
  }
}

c10::IValue inference_value(const c10::IValue& value) {
  return value.isTensor() && value.toTensor().defined() && plain(value.toTensor()) ? compat::inference_alias(value.toTensor())
                                                                                   : value;
}

class TorchScript final : public TorchScriptBackend {
 public:
  explicit TorchScript(torch::jit::Module module) : module_(std::move(module)) {
    const auto method = module_.find_method("forward");
    if (!method) fail(CTORCH_ERROR_FILE, "the TorchScript module has no forward method");
    function_ = &method->function();
    const auto& arguments = function_->getSchema().arguments();  // the first is the module itself
    most_ = arguments.size() - 1;
    fewest_ = static_cast<size_t>(
        std::count_if(arguments.begin() + 1, arguments.end(), [](const auto& a) { return !a.default_value(); }));
    build();
  }

  void run(std::span<at::Tensor> inputs, Results& results) override {
    // The argument stack keeps its memory between calls; it is taken out while in use, so a nested call has its own.
    thread_local torch::jit::Stack kept;
    torch::jit::Stack& spare = kept;  // a thread_local is looked up at each mention
    torch::jit::Stack stack = std::move(spare);
    stack.clear();
    if (!self_.isNone()) stack.push_back(self_);
    for (at::Tensor& input : inputs) stack.emplace_back(std::move(input));
    for (size_t i = inputs.size(); i < most_; ++i) stack.push_back(*function_->getSchema().arguments()[i + 1].default_value());
    const Weights& weights = weights_[training_.load(std::memory_order_relaxed)];
    const auto& values = c10::InferenceMode::is_enabled() ? weights.inference : weights.values;
    stack.insert(stack.end(), values.begin(), values.end());
    // Where gradients are recorded each operation runs as it stands, as in eager
    // Python: what the executor makes of a network in its first calls would round differently, draw other random numbers for
    // dropout, and so tell a run that was resumed from one that was not.
    const bool records = !c10::InferenceMode::is_enabled() && c10::GradMode::is_enabled();
    if (records)
      compat::run(as_it_stands_, stack);
    else
      compat::run(executor_, stack);
    c10::IValue& result = stack.back();
    if (result.isTensor() && result.toTensor().defined()) [[likely]] {
      results.values.push_back(std::move(result).toTensor());
      if (results.want_names) results.names.emplace_back();
    } else {
      flatten(result, "", results);
    }
    stack.clear();
    spare = std::move(stack);
  }

  // On a copy only if it may change itself: the copy would double the memory that loading takes.
  Results warm_up(const std::vector<at::Tensor>& inputs) override {
    if (changes_itself_) return TorchScriptBackend::warm_up(inputs);
    constexpr int calls = 3;
    Results results;
    for (int call = 0; call < calls; ++call) {
      results.values.clear();
      std::vector<at::Tensor> consumed = inputs;
      run(consumed, results);
    }
    return results;
  }

  bool changes_host_state() const override { return !self_.isNone(); }

  std::unique_ptr<Backend> clone() const override {
    at::NoGradGuard values_only;
    std::lock_guard alone(mode_);
    auto copy = std::make_unique<TorchScript>(module_.deepcopy());
    copy->executor_ = executor_;  // shared: what one learns in its first calls, the other knows
    const auto mine = module_.parameters(), theirs = copy->module_.parameters();
    auto from = mine.begin();
    for (at::Tensor parameter : theirs) parameter.set_requires_grad((*from).requires_grad()), ++from;
    return copy;
  }

  std::pair<size_t, size_t> input_counts() const override { return {fewest_, most_}; }

  State parameters() const override { return self_.isNone() ? parameters_ : find_parameters(); }
  State buffers() const override { return without_second_names(state_of(module_.named_buffers())); }

  State state() const override {
    State all = state_of(module_.named_parameters());
    for (const auto& [name, value] : module_.named_buffers()) all.emplace_back(name, value);
    return all;
  }

  void set_training(bool on) override {
    std::lock_guard alone(mode_);
    if (training_ == on) return;
    if (on && mode_is_fixed_)
      fail(CTORCH_ERROR_MODEL,
           "the network was recorded (traced) in evaluation mode: its dropout or batch normalization has no training mode any "
           "more; export it with method='script'");
    module_.train(on);
    training_ = on;
  }

  void to(c10::Device device, std::optional<at::ScalarType> dtype) override {
    at::NoGradGuard values_only;
    std::vector<std::pair<at::Tensor, at::Tensor>> moved;  // all are made before the first is put into its place
    std::unordered_set<const c10::TensorImpl*> seen;
    const auto move = [&](const at::Tensor& tensor, bool convert) {
      if (!tensor.defined() || !seen.insert(compat::identity(tensor)).second) return;
      const auto type = convert && dtype && tensor.is_floating_point() ? *dtype : tensor.scalar_type();
      moved.emplace_back(tensor, tensor.detach().to(device, type));
    };
    for (const auto& [name, value] : state()) {
      move(value, true);
      move(value.grad(), true);
    }
    for (const auto& attribute : module_.named_attributes())  // tensors that are neither weights nor buffers
      if (attribute.value.isTensor()) move(attribute.value.toTensor(), false);
    for (const auto& [tensor, data] : moved)
      if (tensor.device() != data.device() || tensor.scalar_type() != data.scalar_type()) tensor.set_data(data);
    build();
  }

  std::set<std::string> use_weights(const State& weights) override {
    at::NoGradGuard values_only;
    std::set<std::string> unknown;
    State mine = state();
    for (const auto& [name, value] : weights) {
      const auto same = [&](const auto& entry) {
        return entry.first == name && entry.second.sizes() == value.sizes() &&
               entry.second.scalar_type() == value.scalar_type();
      };
      const auto found = std::find_if(mine.begin(), mine.end(), same);
      if (found == mine.end())
        unknown.insert(name);
      else
        found->second.set_data(value);
    }
    build();
    return unknown;
  }

  std::string last_variant() const override { return "torchscript"; }
  std::string random_operator() const override { return random_; }
  bool is_training() const override { return training_; }

  void save(const Writer& write, const Extras& extras) const override {
    torch::jit::ExtraFilesMap files;
    if (extras.spec) files[spec_record] = extras.spec->json;
    if (!extras.golden.empty()) files[golden_record] = extras.golden;
    // Who loads the file wants to use it; a training mode that was left in it would show in the numbers only.
    std::lock_guard alone(mode_);
    torch::jit::Module module = module_;
    const bool training = module.is_training();
    if (training) module.eval();
    try {
      torch::jit::ExportModule(module, write, files);
    } catch (...) {
      if (training) module.train();
      throw;
    }
    if (training) module.train();
  }

 private:
  // What the executor takes after the inputs, and the same as inference tensors.
  struct Weights {
    std::vector<c10::IValue> values, inference;
  };

  // The weights become inputs of the graph: a run looks nothing up in the module, and inference gets its own view of them. So
  // does the mode, which is an attribute too; a switch from one to the other must cost nothing.
  compat::SharedGraph find_weights() {
    const bool training = module_.is_training();
    training_ = training;
    const compat::SharedGraph graph = compat::graph_of(*function_);
    compat::SharedGraph lowered = graph;
    try {
      for (const bool mode : {!training, training}) {
        module_.train(mode);
        std::tie(lowered, weights_[mode].values) = compat::attributes_as_inputs(*graph, module_._ivalue());
      }
    } catch (const std::exception&) {  // it does more with its attributes than read them
      module_.train(training);
      lowered = graph;
      weights_ = {};
      self_ = module_._ivalue();
    }
    for (Weights& weights : weights_) {
      weights.inference.clear();
      for (const c10::IValue& weight : weights.values) weights.inference.push_back(inference_value(weight));
    }
    return lowered;
  }

  void build() {
    mode_is_fixed_ = compat::fixed_in_evaluation_mode(compat::graph_of(*function_));
    const auto graph = find_weights();
    random_ = compat::random_operator(graph, weights_[false].values);
    changes_itself_ = !self_.isNone() || compat::writes_inputs(graph);
    parameters_ = find_parameters();
    executor_ = compat::GraphExecutor(graph, function_->name());
    as_it_stands_ = compat::unoptimized_code(graph, function_->name());
  }

  // A walk over the module costs a microsecond for each of them.
  State find_parameters() const { return without_second_names(state_of(module_.named_parameters())); }

  template <class NamedTensors>
  static State state_of(const NamedTensors& list) {
    State state;
    for (const auto& [name, value] : list) state.emplace_back(name, value);
    return state;
  }

  torch::jit::Module module_;
  torch::jit::Function* function_ = nullptr;
  compat::GraphExecutor executor_;
  compat::Code as_it_stands_;       // the graph without the executor's optimizations
  c10::IValue self_;                // what the executor takes before the inputs, if anything
  std::array<Weights, 2> weights_;  // in evaluation and in training mode
  State parameters_;                // as long as the graph does no more with attributes than read them
  std::string random_;              // the operation that draws in evaluation mode
  std::atomic<bool> training_{false};
  bool mode_is_fixed_ = false, changes_itself_ = true;
  mutable std::mutex mode_;  // held while the mode of the module, which is in its attributes, is changed or must not be
  size_t fewest_ = 0;
  size_t most_ = 0;
};

}  // namespace

std::unique_ptr<TorchScriptBackend> load_torchscript(const std::shared_ptr<compat::ReadAdapter>& content,
                                                     const std::string& path, c10::Device device,
                                                     std::optional<bool> requires_grad, bool is_training, Extras& extras) {
  torch::jit::ExtraFilesMap files{{spec_record, ""}, {golden_record, ""}};
  torch::jit::Module module;
  try {
    module = torch::jit::load(content, device, files);
  } catch (const std::exception&) {  // the file is what is wrong, unless there is no memory for it
    const int32_t status = record_exception();
    fail(status == CTORCH_ERROR_MODEL ? CTORCH_ERROR_FILE : status, "'", path, "' cannot be loaded: ", last_error());
  }
  module.eval();
  for (at::Tensor parameter : module.parameters())
    if (requires_grad && differentiable(parameter.scalar_type())) parameter.set_requires_grad(*requires_grad);
  auto backend = std::make_unique<TorchScript>(std::move(module));
  backend->set_training(is_training);
  if (const std::string& text = files[spec_record]; !text.empty()) extras.spec = Spec::parse(text);
  extras.golden = files[golden_record];
  return backend;
}

}  // namespace ctorch
