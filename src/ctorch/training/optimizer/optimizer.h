// Optimizers: groups of parameters, what is remembered about each, and the rules that step them.
#pragma once
#include <ATen/core/Tensor.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "io/state.h"

namespace ctorch {

// One parameter and what its rule remembers about it; nothing before its first step.
struct Parameter {
  at::Tensor value;
  std::vector<at::Tensor> memory;
};

// What a number of a rule may be. A flag is 0 or 1; it chooses the rule, so it is that of all groups and stays.
enum class Bound { finite, not_negative, fraction, count, count_or_0, flag };

// A number of a rule, by the name of the argument that gave it.
struct Option {
  const char* name;
  double value;  // what groups have that say nothing else
  Bound bound;
};

using Names = std::vector<std::string>;
using Numbers = std::vector<double>;

struct Group {
  std::vector<Parameter> parameters;
  double learning_rate;
  double weight_decay;
  Numbers options;                                                       // in the order of the rule
  Names memory_names;                                                    // what the rule remembers with these options
  double base_learning_rate = std::numeric_limits<double>::quiet_NaN();  // what schedules start from, once one has begun
};

// Parameters of one device and dtype that have gradients. All tensors of one parameter have the same dense strides, because the
// fused kernels walk memory from end to end.
struct Batch {
  std::vector<at::Tensor> values, gradients;
  std::vector<std::vector<at::Tensor>> memory;               // [kind of memory][parameter]
  bool first = false;                                        // the memory is new
  std::vector<std::pair<at::Tensor, at::Tensor>> copied_to;  // parameters with gaps in their memory, and what stands for them
};

// Runs the model and the back-propagation anew and returns the loss.
using Closure = std::function<at::Tensor()>;

class Optim {
 public:
  Optim(std::string name, std::vector<Option> options) : name_(std::move(name)), options_(std::move(options)) {}
  Optim(const Optim&) = delete;
  Optim& operator=(const Optim&) = delete;
  virtual ~Optim() = default;

  // Returns the loss that the closure gave first, undefined without a closure.
  virtual at::Tensor step(const Closure& closure);
  // The options that are given are those of the group, the others are as the optimizer was made.
  virtual void add_group(std::vector<at::Tensor> parameters, double learning_rate, double weight_decay,
                         const std::vector<std::pair<std::string, double>>& given = {});
  void zero_grad();

  Group& group(int64_t number);  // counted from 1
  size_t group_count() const { return groups_.size(); }
  std::pair<double, double> defaults() const { return {default_learning_rate_, default_weight_decay_}; }  // as it was made

  double option(const Group& group, const std::string& name) const { return group.options[place_of(name)]; }
  // Sets an option of all these groups, or of none.
  void set_option(const std::vector<Group*>& groups, const std::string& name, double value);

  // What a checkpoint holds: learning rates, options, and what is remembered. Loading replaces all of it, or nothing:
  // prepare_load checks everything and returns what then does it.
  State state() const;
  std::function<void()> prepare_load(const State& state);

 protected:
  virtual void update(const Batch& batch, const Group& group) = 0;
  virtual Names memory_names(const Numbers& options) const = 0;
  // What the bounds of single options do not say.
  virtual void check_together(const Numbers&) const {}
  // For rules with state of another form.
  virtual void add_state(State&) const {}
  virtual std::function<void()> prepare_own_load(const State&) {
    return [] {};
  }

  std::vector<Group> groups_;

 private:
  Numbers default_options() const;
  void check(const Numbers& options) const;
  size_t place_of(const std::string& option) const;
  std::vector<Batch> batches(Group& group);
  using Copies = std::vector<std::pair<at::Tensor, at::Tensor>>;  // what goes where
  static at::Tensor memory_for(const Parameter& parameter, const Names& names, size_t place, const at::Tensor& value);
  Group loaded(const State& state, size_t number, Names& known, Copies& copies) const;
  Numbers loaded_options(const State& state, size_t number, const Numbers& saved) const;
  void expect_same_rule(const Group& group, size_t number, const Numbers& saved) const;

  std::string name_;
  std::vector<Option> options_;
  double default_learning_rate_ = 0, default_weight_decay_ = 0;
};

// Not-a-numbers fail, too.
void expect_not_negative(const char* name, double value);

}  // namespace ctorch
