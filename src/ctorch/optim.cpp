#include "optim.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <unordered_set>

#include "convert.h"
#include "error.h"

namespace ctorch {
namespace {

// What the kernels see of a tensor: complex numbers are pairs of reals to every rule.
at::Tensor real_view(const at::Tensor& tensor) { return tensor.is_complex() ? at::view_as_real(tensor) : tensor; }

// The tensor itself where its elements fill its memory, a copy otherwise.
at::Tensor dense(const at::Tensor& tensor) { return tensor.is_non_overlapping_and_dense() ? tensor : tensor.contiguous(); }

at::Tensor with_strides_of(const at::Tensor& model, const at::Tensor& tensor) {
  return tensor.strides() == model.strides() ? tensor : at::empty_like(model).copy_(tensor);
}

void check_parameters(const std::vector<at::Tensor>& parameters, const std::vector<Group>& groups) {
  if (parameters.empty()) fail(CTORCH_ERROR_ARGUMENT, "argument 'parameters': expected at least one tensor, got none");
  std::unordered_set<const void*> known;
  for (const Group& group : groups)
    for (const Parameter& parameter : group.parameters) known.insert(parameter.value.unsafeGetTensorImpl());
  size_t number = 0;
  for (const at::Tensor& parameter : parameters) {
    ++number;
    if (!parameter.is_leaf())
      fail(CTORCH_ERROR_ARGUMENT, "argument 'parameters': tensor ", number,
           " is the result of a computation; only tensors made with requires_grad=.true. can be optimized");
    if (!parameter.is_floating_point() && !parameter.is_complex())
      fail(CTORCH_ERROR_ARGUMENT, "argument 'parameters': expected real or complex tensors, tensor ", number, " is ",
           describe(parameter));
    if (!known.insert(parameter.unsafeGetTensorImpl()).second)
      fail(CTORCH_ERROR_ARGUMENT, "argument 'parameters': tensor ", number, " is optimized already; give each tensor once");
  }
}

std::string place(size_t group, size_t parameter) {
  return "group." + std::to_string(group + 1) + ".parameter." + std::to_string(parameter + 1) + ".";
}

at::Tensor numbers(const std::vector<double>& values) { return at::tensor(values, at::kDouble); }

const at::Tensor* find(const State& state, const std::string& name) {
  const auto entry = std::find_if(state.begin(), state.end(), [&](const auto& e) { return e.first == name; });
  return entry == state.end() ? nullptr : &entry->second;
}

std::vector<double> find_numbers(const State& state, const std::string& name, size_t count) {
  const at::Tensor* found = find(state, name);
  if (!found || static_cast<size_t>(found->numel()) != count)
    fail(CTORCH_ERROR_ARGUMENT, "the saved state has no '", name, "' of ", count, " numbers: it belongs to another optimizer");
  const at::Tensor values = found->to(at::kCPU, at::kDouble).contiguous();
  return {values.const_data_ptr<double>(), values.const_data_ptr<double>() + count};
}

}  // namespace

void expect_positive(const char* name, double value, bool zero_too) {
  if (!(std::isfinite(value) && (zero_too ? value >= 0 : value > 0)))
    fail(CTORCH_ERROR_ARGUMENT, "argument '", name, "': expected a finite number ", zero_too ? "not below" : "above",
         " 0, got ", value);
}

void expect_fraction(const char* name, double value) {
  if (!(value >= 0 && value < 1))
    fail(CTORCH_ERROR_ARGUMENT, "argument '", name, "': expected a number from 0 to below 1, got ", value);
}

void Optim::add_group(std::vector<at::Tensor> parameters, double learning_rate, double weight_decay) {
  expect_positive("learning_rate", learning_rate);
  expect_positive("weight_decay", weight_decay);
  check_parameters(parameters, groups_);
  Group group{{}, learning_rate, weight_decay};
  if (groups_.empty()) {
    default_learning_rate_ = learning_rate;
    default_weight_decay_ = weight_decay;
  }
  for (at::Tensor& parameter : parameters) group.parameters.push_back({std::move(parameter), {}});
  groups_.push_back(std::move(group));
}

Group& Optim::group(int64_t number) {
  if (number < 1 || number > static_cast<int64_t>(groups_.size()))
    fail(CTORCH_ERROR_ARGUMENT, "argument 'group': expected 1 to ", groups_.size(), ", got ", number);
  return groups_[static_cast<size_t>(number - 1)];
}

// Gradients are forgotten, not set to zero: the next back-propagation then hands its own over instead of adding to them.
void Optim::zero_grad() {
  for (Group& group : groups_)
    for (Parameter& parameter : group.parameters) parameter.value.mutable_grad() = at::Tensor();
}

at::Tensor Optim::empty_memory(const std::string& name, const at::Tensor& value) const {
  if (name != "step") return at::zeros_like(value);
  return at::zeros({}, value.options().dtype(at::kFloat));  // the kernels want it so, whatever the parameter's dtype
}

std::vector<Batch> Optim::batches(Group& group) {
  std::vector<Batch> list;
  for (Parameter& parameter : group.parameters) {
    if (!parameter.value.grad().defined()) continue;
    at::Tensor value = dense(real_view(parameter.value));
    const bool first = parameter.memory.empty() && !memory_names_.empty();
    if (first)
      for (const std::string& name : memory_names_) parameter.memory.push_back(empty_memory(name, value));
    if (list.empty() || list.back().first != first || list.back().values[0].scalar_type() != value.scalar_type() ||
        list.back().values[0].device() != value.device()) {
      list.emplace_back().first = first;
      list.back().memory.resize(memory_names_.size());
    }
    Batch& batch = list.back();
    batch.gradients.push_back(with_strides_of(value, real_view(parameter.value.grad())));
    for (size_t i = 0; i < memory_names_.size(); ++i) batch.memory[i].push_back(parameter.memory[i]);
    if (!value.is_alias_of(parameter.value)) batch.copied_to.emplace_back(real_view(parameter.value), value);
    batch.values.push_back(std::move(value));
  }
  return list;
}

at::Tensor Optim::step(const Closure& closure) {
  at::Tensor loss;
  if (closure) loss = closure();
  at::NoGradGuard no_grad;
  bool any = false;
  for (const Group& group : groups_)
    for (const Parameter& parameter : group.parameters) {
      const at::Tensor& gradient = parameter.value.grad();
      any |= gradient.defined();
      if (gradient.defined() && gradient.layout() != at::kStrided)
        fail(CTORCH_ERROR_ARGUMENT, "gradients that are sparse cannot be used here; make them dense");
    }
  if (!any) fail(CTORCH_ERROR_ARGUMENT, "no parameter has a gradient; call torch_tensor_backward on a loss before each step");
  for (Group& group : groups_)
    for (const Batch& batch : batches(group)) {
      update(batch, group);
      for (const auto& [parameter, copy] : batch.copied_to) parameter.copy_(copy);
    }
  return loss;
}

State Optim::state() const {
  State state;
  std::vector<double> values;
  for (const double* option : const_cast<Optim*>(this)->options()) values.push_back(*option);
  state.emplace_back(name_, numbers(values));
  for (size_t g = 0; g < groups_.size(); ++g) {
    const Group& group = groups_[g];
    const auto count = static_cast<double>(group.parameters.size());
    state.emplace_back("group." + std::to_string(g + 1),
                       numbers({group.learning_rate, group.weight_decay, group.base_learning_rate, count}));
    for (size_t p = 0; p < group.parameters.size(); ++p)
      for (size_t m = 0; m < group.parameters[p].memory.size(); ++m)
        state.emplace_back(place(g, p) + memory_names_[m], group.parameters[p].memory[m]);
  }
  add_state(state);
  return state;
}

void Optim::load_state(const State& state) {
  at::NoGradGuard no_grad;
  const std::vector<double*> targets = options();
  const std::vector<double> values = find_numbers(state, name_, targets.size());
  std::vector<Group> groups = groups_;
  if (find(state, "group." + std::to_string(groups.size() + 1)))
    fail(CTORCH_ERROR_ARGUMENT, "the saved state has more parameter groups than the ", groups.size(), " of this optimizer");
  for (size_t g = 0; g < groups.size(); ++g) {
    Group& group = groups[g];
    const std::string name = "group." + std::to_string(g + 1);
    const std::vector<double> rates = find_numbers(state, name, 4);
    if (rates[3] != static_cast<double>(group.parameters.size()))
      fail(CTORCH_ERROR_ARGUMENT, "'", name, "' of the saved state has ", rates[3], " parameters, this optimizer has ",
           group.parameters.size());
    group.learning_rate = rates[0];
    group.weight_decay = rates[1];
    group.base_learning_rate = rates[2];
    for (size_t p = 0; p < group.parameters.size(); ++p) {
      Parameter& parameter = group.parameters[p];
      const at::Tensor value = dense(real_view(parameter.value));
      parameter.memory.clear();
      for (const std::string& kind : memory_names_) {
        const at::Tensor* saved = find(state, place(g, p) + kind);
        if (!saved && parameter.memory.empty()) break;  // not stepped yet
        at::Tensor memory = empty_memory(kind, value);
        if (!saved || saved->sizes() != memory.sizes())
          fail(CTORCH_ERROR_ARGUMENT, "'", place(g, p), kind, "': expected ", describe(memory), ", the saved state has ",
               saved ? describe(*saved) : "none");
        parameter.memory.push_back(memory.copy_(*saved));
      }
    }
  }
  take_state(state);
  groups_ = std::move(groups);
  for (size_t i = 0; i < targets.size(); ++i) *targets[i] = values[i];
}

}  // namespace ctorch
