// The rules of the optimizers that need no closure. Those of SGD and Adam are PyTorch's fused kernels: one call for all
// parameters, where torch::optim makes a dozen for each. The numbers are those of Python's torch.optim.

#include "compat/foreach.h"
#include "core/error.h"
#include "training/optimizer/options.h"

namespace ctorch {
namespace {

void count_step(const std::vector<at::Tensor>& steps) {
  if (!steps[0].is_cpu()) {
    compat::_foreach_add_(steps, 1);
    return;
  }
  for (const at::Tensor& step : steps) *step.mutable_data_ptr<float>() += 1;  // without ten kernels for ten numbers
}

// Gradients with the pull of the weights to zero.
std::vector<at::Tensor> decayed(const Batch& batch, double weight_decay) {
  return weight_decay == 0 ? batch.gradients : compat::_foreach_add(batch.gradients, batch.values, weight_decay);
}

class Sgd final : public Optim, SGDOptions {
 public:
  explicit Sgd(std::vector<Option> options) : Optim("sgd", std::move(options)) {}

 private:
  void check_together(const Numbers& o) const override {
    if (o[nesterov] != 0 && (o[momentum] == 0 || o[dampening] != 0))
      fail(CTORCH_ERROR_ARGUMENT, "nesterov=.true. needs a momentum above 0 and a dampening of 0, got ", o[momentum], " and ",
           o[dampening]);
  }
  Names memory_names(const Numbers& o) const override { return o[momentum] != 0 ? Names{"momentum_buffer"} : Names{}; }
  void update(const Batch& batch, const Group& group) override {
    const Numbers& o = group.options;
    const at::TensorList buffers = batch.memory.empty() ? at::TensorList() : at::TensorList(batch.memory[0]);
    compat::_fused_sgd_(batch.values, batch.gradients, buffers, group.weight_decay, o[momentum], group.learning_rate,
                        o[dampening], o[nesterov] != 0, /*maximize=*/false, batch.first);
  }
};

class Adam final : public Optim, AdamOptions {
 public:
  Adam(std::string name, std::vector<Option> options, bool decoupled)
      : Optim(std::move(name), std::move(options)), decoupled_(decoupled) {}

 private:
  Names memory_names(const Numbers& o) const override {
    Names list{"step", "exp_avg", "exp_avg_sq"};
    if (o[amsgrad] != 0) list.emplace_back("max_exp_avg_sq");
    return list;
  }
  void update(const Batch& batch, const Group& group) override {
    count_step(batch.memory[0]);
    const Numbers& o = group.options;
    const at::TensorList largest = o[amsgrad] != 0 ? at::TensorList(batch.memory[3]) : at::TensorList();
    const auto rule = [&](auto&& kernel) {
      kernel(batch.values, batch.gradients, batch.memory[1], batch.memory[2], largest, batch.memory[0], group.learning_rate,
             o[beta_1], o[beta_2], group.weight_decay, o[eps], o[amsgrad] != 0, /*maximize=*/false);
    };
    if (decoupled_)
      rule([](auto&&... arguments) { compat::_fused_adamw_(arguments...); });
    else
      rule([](auto&&... arguments) { compat::_fused_adam_(arguments...); });
  }

  bool decoupled_;
};

class Adagrad final : public Optim, AdagradOptions {
 public:
  explicit Adagrad(std::vector<Option> options) : Optim("adagrad", std::move(options)) {}

 private:
  Names memory_names(const Numbers&) const override { return {"step", "sum"}; }
  void update(const Batch& batch, const Group& group) override {
    const Numbers& o = group.options;
    const auto& sums = batch.memory[1];
    if (batch.first && o[initial_accumulator_value] != 0) compat::_foreach_add_(sums, o[initial_accumulator_value]);
    count_step(batch.memory[0]);
    const std::vector<at::Tensor> gradients = decayed(batch, group.weight_decay);
    compat::_foreach_addcmul_(sums, gradients, gradients, 1);
    std::vector<at::Tensor> scale = compat::_foreach_sqrt(sums);
    compat::_foreach_add_(scale, o[eps]);
    std::vector<at::Scalar> rates;
    for (const at::Tensor& step : batch.memory[0])
      rates.emplace_back(-group.learning_rate / (1 + (step.item<double>() - 1) * o[lr_decay]));
    compat::_foreach_addcdiv_(batch.values, gradients, scale, rates);
  }
};

class Rmsprop final : public Optim, RMSpropOptions {
 public:
  explicit Rmsprop(std::vector<Option> options) : Optim("rmsprop", std::move(options)) {}

 private:
  Names memory_names(const Numbers& o) const override {
    Names list{"square_avg"};
    if (o[momentum] > 0) list.emplace_back("momentum_buffer");
    if (o[centered] != 0) list.emplace_back("grad_avg");
    return list;
  }
  void update(const Batch& batch, const Group& group) override {
    const Numbers& o = group.options;
    const std::vector<at::Tensor> gradients = decayed(batch, group.weight_decay);
    const auto& squares = batch.memory[0];
    compat::_foreach_mul_(squares, o[alpha]);
    compat::_foreach_addcmul_(squares, gradients, gradients, 1 - o[alpha]);
    std::vector<at::Tensor> scale;
    if (o[centered] != 0) {
      const auto& averages = batch.memory.back();
      compat::_foreach_lerp_(averages, gradients, 1 - o[alpha]);
      scale = compat::_foreach_addcmul(squares, averages, averages, -1);
      compat::_foreach_sqrt_(scale);
    } else {
      scale = compat::_foreach_sqrt(squares);
    }
    compat::_foreach_add_(scale, o[eps]);
    if (o[momentum] > 0) {
      compat::_foreach_mul_(batch.memory[1], o[momentum]);
      compat::_foreach_addcdiv_(batch.memory[1], gradients, scale, 1);
      compat::_foreach_add_(batch.values, batch.memory[1], -group.learning_rate);
    } else {
      compat::_foreach_addcdiv_(batch.values, gradients, scale, -group.learning_rate);
    }
  }
};

}  // namespace

std::shared_ptr<Optim> make_sgd(std::vector<Option> options) { return std::make_shared<Sgd>(std::move(options)); }
std::shared_ptr<Optim> make_adam(std::vector<Option> options) {
  return std::make_shared<Adam>("adam", std::move(options), /*decoupled=*/false);
}
std::shared_ptr<Optim> make_adamw(std::vector<Option> options) {
  return std::make_shared<Adam>("adamw", std::move(options), /*decoupled=*/true);
}
std::shared_ptr<Optim> make_adagrad(std::vector<Option> options) { return std::make_shared<Adagrad>(std::move(options)); }
std::shared_ptr<Optim> make_rmsprop(std::vector<Option> options) { return std::make_shared<Rmsprop>(std::move(options)); }

}  // namespace ctorch
