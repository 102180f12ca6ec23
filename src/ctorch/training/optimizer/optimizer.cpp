#include "training/optimizer/optimizer.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <numeric>
#include <sstream>
#include <unordered_set>

#include "compat/tensor_impl.h"
#include "core/error.h"
#include "tensor/conversion.h"

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
    for (const Parameter& parameter : group.parameters) known.insert(compat::identity(parameter.value));
  size_t number = 0;
  for (const at::Tensor& parameter : parameters) {
    ++number;
    if (!parameter.is_leaf())
      fail(CTORCH_ERROR_ARGUMENT, "argument 'parameters': tensor ", number,
           " is the result of a computation; only tensors made with requires_grad=.true. can be optimized");
    if (!parameter.is_floating_point() && !parameter.is_complex())
      fail(CTORCH_ERROR_ARGUMENT, "argument 'parameters': expected real or complex tensors, tensor ", number, " is ",
           describe(parameter));
    if (!known.insert(compat::identity(parameter)).second)
      fail(CTORCH_ERROR_ARGUMENT, "argument 'parameters': tensor ", number, " is optimized already; give each tensor once");
  }
}

at::Tensor empty_memory(const std::string& name, const at::Tensor& value) {
  if (name != "step") return at::zeros_like(value);
  return at::zeros({}, value.options().dtype(at::kFloat));  // the kernels want it so, whatever the parameter's dtype
}

// Names of a state's entries; groups and parameters count from 1 in them.
std::string group_name(size_t group) { return "group." + std::to_string(group + 1); }

std::string place(size_t group, size_t parameter) {
  return group_name(group) + ".parameter." + std::to_string(parameter + 1) + ".";
}

at::Tensor numbers(const std::vector<double>& values) { return at::tensor(values, at::kDouble); }

const at::Tensor* find(const State& state, const std::string& name) {
  const auto entry = std::find_if(state.begin(), state.end(), [&](const auto& e) { return e.first == name; });
  return entry == state.end() ? nullptr : &entry->second;
}

Numbers find_numbers(const State& state, const std::string& name) {
  const at::Tensor* found = find(state, name);
  if (!found || found->dim() != 1 || found->scalar_type() != at::kDouble)
    fail(CTORCH_ERROR_ARGUMENT, "the saved state has no numbers '", name, "': it belongs to another optimizer");
  const at::Tensor values = found->to(at::kCPU).contiguous();
  return {values.const_data_ptr<double>(), values.const_data_ptr<double>() + values.numel()};
}

// Numbers of a group before its options: learning rate, weight decay, base of schedules, number of parameters.
constexpr size_t head_size = 4;

std::string shown(const Option& option, double value) {
  std::ostringstream text;
  text << option.name << '=';
  if (option.bound == Bound::flag)
    text << (value != 0 ? ".true." : ".false.");
  else
    text << value;
  return text.str();
}

void check_bound(const Option& option, double value) {
  const auto expect = [&](bool right, const char* what) {
    if (!right) fail(CTORCH_ERROR_ARGUMENT, "argument '", option.name, "': expected ", what, ", got ", value);
  };
  const bool whole = value == std::floor(value) && value < 1e9;
  switch (option.bound) {
    case Bound::finite: return expect(std::isfinite(value), "a finite number");
    case Bound::not_negative: return expect_not_negative(option.name, value);
    case Bound::fraction: return expect(value >= 0 && value < 1, "a number from 0 to below 1");
    case Bound::count: return expect(whole && value >= 1, "1 or more");
    case Bound::count_or_0: return expect(whole && value >= 0, "0 or more");
    case Bound::flag: return;
  }
}

}  // namespace

void expect_not_negative(const char* name, double value) {
  if (!(std::isfinite(value) && value >= 0))
    fail(CTORCH_ERROR_ARGUMENT, "argument '", name, "': expected a finite number not below 0, got ", value);
}

void Optim::check(const Numbers& options) const {
  for (size_t i = 0; i < options_.size(); ++i) check_bound(options_[i], options[i]);
  check_together(options);
}

Numbers Optim::default_options() const {
  Numbers values;
  for (const Option& option : options_) values.push_back(option.value);
  return values;
}

size_t Optim::place_of(const std::string& option) const {
  std::string names;
  for (size_t i = 0; i < options_.size(); ++i) {
    if (options_[i].bound == Bound::flag) continue;
    if (option == options_[i].name) return i;
    names += (names.empty() ? "" : ", ") + std::string(options_[i].name);
  }
  fail(CTORCH_ERROR_ARGUMENT, "the optimizer '", name_, "' has no number '", option, "'; it has ", names);
}

void Optim::add_group(std::vector<at::Tensor> parameters, double learning_rate, double weight_decay,
                      const std::vector<std::pair<std::string, double>>& given) {
  expect_not_negative("learning_rate", learning_rate);
  expect_not_negative("weight_decay", weight_decay);
  Numbers options = default_options();
  for (const auto& [name, value] : given) options[place_of(name)] = value;
  check(options);
  check_parameters(parameters, groups_);
  Group group{{}, learning_rate, weight_decay, options, memory_names(options)};
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

void Optim::set_option(const std::vector<Group*>& groups, const std::string& name, double value) {
  const size_t place = place_of(name);
  for (const Group* group : groups) {
    Numbers changed = group->options;
    changed[place] = value;
    check(changed);
    if (memory_names(changed) != group->memory_names)
      fail(CTORCH_ERROR_ARGUMENT, "the optimizer was made with ", shown(options_[place], group->options[place]),
           ", and what it remembers depends on that, so it cannot become ", value, "; make it with ", name,
           value > 0 ? " above 0" : "=0");
  }
  for (Group* group : groups) group->options[place] = value;
}

// Gradients are forgotten, not set to zero: the next back-propagation then hands its own over instead of adding to them.
void Optim::zero_grad() {
  for (Group& group : groups_)
    for (Parameter& parameter : group.parameters) parameter.value.mutable_grad() = at::Tensor();
}

std::vector<Batch> Optim::batches(Group& group) {
  const Names& names = group.memory_names;
  std::vector<Batch> list;
  for (Parameter& parameter : group.parameters) {
    if (!parameter.value.grad().defined()) continue;
    at::Tensor value = dense(real_view(parameter.value));
    const bool first = parameter.memory.empty() && !names.empty();
    if (first)
      for (const std::string& name : names) parameter.memory.push_back(empty_memory(name, value));
    if (list.empty() || list.back().first != first || list.back().values[0].scalar_type() != value.scalar_type() ||
        list.back().values[0].device() != value.device()) {
      list.emplace_back().first = first;
      list.back().memory.resize(names.size());
    }
    Batch& batch = list.back();
    batch.gradients.push_back(with_strides_of(value, real_view(parameter.value.grad())));
    for (size_t i = 0; i < names.size(); ++i) batch.memory[i].push_back(parameter.memory[i]);
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
  state.emplace_back(name_, numbers(default_options()));
  for (size_t g = 0; g < groups_.size(); ++g) {
    const Group& group = groups_[g];
    const auto count = static_cast<double>(group.parameters.size());
    Numbers values{group.learning_rate, group.weight_decay, group.base_learning_rate, count};
    values.insert(values.end(), group.options.begin(), group.options.end());
    state.emplace_back(group_name(g), numbers(values));
    for (size_t p = 0; p < group.parameters.size(); ++p)
      for (size_t m = 0; m < group.parameters[p].memory.size(); ++m)
        state.emplace_back(place(g, p) + group.memory_names[m], group.parameters[p].memory[m]);
  }
  add_state(state);
  return state;
}

// Files of the first form have the options once, without flags, beside the groups.
Numbers Optim::loaded_options(const State& state, size_t number, const Numbers& saved) const {
  if (saved.size() == head_size + options_.size()) return {saved.begin() + head_size, saved.end()};
  const Numbers once = find_numbers(state, name_);
  if (saved.size() != head_size || once.size() > options_.size())
    fail(CTORCH_ERROR_ARGUMENT, "'", group_name(number), "' of the saved state has ", saved.size(),
         " numbers: it belongs to another optimizer");
  Numbers options = groups_[number].options;
  std::copy(once.begin(), once.end(), options.begin());
  return options;
}

// Flags choose the rule, and a momentum of zero or not what is remembered: no state of the one goes on with the other.
void Optim::expect_same_rule(const Group& group, size_t number, const Numbers& saved) const {
  for (size_t i = 0; i < options_.size(); ++i) {
    Numbers changed = group.options;
    changed[i] = saved[i];
    if (options_[i].bound == Bound::flag ? saved[i] == group.options[i] : memory_names(changed) == group.memory_names) continue;
    fail(CTORCH_ERROR_ARGUMENT, "group ", number + 1, " of the saved optimizer was made with ", shown(options_[i], saved[i]),
         ", that of this one with ", shown(options_[i], group.options[i]), "; make it in the same way");
  }
}

// What a parameter remembers is written over when it is loaded: a second copy would have to fit on its device beside the first.
at::Tensor Optim::memory_for(const Parameter& parameter, const Names& names, size_t place, const at::Tensor& value) {
  const bool step = names[place] == "step";
  if (parameter.memory.size() == names.size()) {
    const at::Tensor& held = parameter.memory[place];
    if (held.device() == value.device() && (step || held.strides() == value.strides())) return held;
  }
  return empty_memory(names[place], value);
}

Group Optim::loaded(const State& state, size_t number, Names& known, Copies& copies) const {
  Group group = groups_[number];
  const std::string name = group_name(number);
  known.push_back(name);
  const Numbers saved = find_numbers(state, name);
  if (saved.size() < head_size || saved[3] != static_cast<double>(group.parameters.size()))
    fail(CTORCH_ERROR_ARGUMENT, "'", name, "' of the saved state has ", saved.size() < head_size ? 0 : saved[3],
         " parameters, this optimizer has ", group.parameters.size());
  const Numbers options = loaded_options(state, number, saved);
  expect_same_rule(group, number, options);
  check(options);
  expect_not_negative("learning_rate", saved[0]);
  expect_not_negative("weight_decay", saved[1]);
  group.learning_rate = saved[0];
  group.weight_decay = saved[1];
  group.base_learning_rate = saved[2];
  group.options = options;
  for (size_t p = 0; p < group.parameters.size(); ++p) {
    Parameter& parameter = group.parameters[p];
    const at::Tensor value = dense(real_view(parameter.value));
    std::vector<at::Tensor> memories;
    for (size_t m = 0; m < group.memory_names.size(); ++m) {
      const std::string& kind = group.memory_names[m];
      const at::Tensor* found = find(state, place(number, p) + kind);
      if (!found && memories.empty()) break;  // not stepped yet
      const at::Tensor memory = memory_for(parameter, group.memory_names, m, value);
      if (!found || found->sizes() != memory.sizes() || found->scalar_type() != memory.scalar_type())
        fail(CTORCH_ERROR_ARGUMENT, "'", place(number, p), kind, "': expected ", describe(memory), ", the saved state has ",
             found ? describe(*found) : "none");
      copies.emplace_back(memory, *found);
      memories.push_back(memory);
      known.push_back(place(number, p) + kind);
    }
    parameter.memory = std::move(memories);
  }
  return group;
}

std::function<void()> Optim::prepare_load(const State& state) {
  at::NoGradGuard no_grad;
  find_numbers(state, name_);
  if (find(state, group_name(groups_.size())))
    fail(CTORCH_ERROR_ARGUMENT, "the saved state has more parameter groups than the ", groups_.size(), " of this optimizer");
  std::vector<Group> groups;
  groups.reserve(groups_.size());
  Names known;
  Copies copies;
  for (size_t g = 0; g < groups_.size(); ++g) groups.push_back(loaded(state, g, known, copies));
  for (const auto& [name, value] : state)
    if (name.starts_with("group.") && std::find(known.begin(), known.end(), name) == known.end())
      fail(CTORCH_ERROR_ARGUMENT, "the saved state has '", name,
           "', which this optimizer does not remember; make it with the options ", "it had then");
  return [this, groups = std::move(groups), copies = std::move(copies), own = prepare_own_load(state)]() mutable {
    at::NoGradGuard values_only;
    own();
    for (const auto& [memory, saved] : copies) memory.copy_(saved);
    groups_ = std::move(groups);
  };
}

}  // namespace ctorch
