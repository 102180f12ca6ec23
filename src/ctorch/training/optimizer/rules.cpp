// The rules of the optimizers that need no closure. Those of SGD and Adam are PyTorch's fused kernels: one call for all
// parameters, where torch::optim makes a dozen for each. The numbers are those of Python's torch.optim.

#include "compat/foreach.h"
#include "core/error.h"
#include "training/optimizer/optimizer.h"

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

class Sgd final : public Optim {
 public:
  explicit Sgd(const SgdOptions& given)
      : Optim("sgd",
              {{"momentum", given.momentum}, {"dampening", given.dampening}, {"nesterov", double(given.nesterov), true}}) {
    check(default_options());
  }

 private:
  enum { momentum, dampening, nesterov };  // places among the options

  void check(const Numbers& o) const override {
    expect_positive("momentum", o[momentum]);
    if (!std::isfinite(o[dampening]))
      fail(CTORCH_ERROR_ARGUMENT, "argument 'dampening': expected a finite number, got ", o[dampening]);
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

class Adam final : public Optim {
 public:
  explicit Adam(const AdamOptions& given)
      : Optim(
            given.decoupled ? "adamw" : "adam",
            {{"beta_1", given.beta_1}, {"beta_2", given.beta_2}, {"eps", given.eps}, {"amsgrad", double(given.amsgrad), true}}),
        decoupled_(given.decoupled) {
    check(default_options());
  }

 private:
  enum { beta_1, beta_2, eps, amsgrad };

  void check(const Numbers& o) const override {
    expect_fraction("beta_1", o[beta_1]);
    expect_fraction("beta_2", o[beta_2]);
    expect_positive("eps", o[eps]);
  }
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

class Adagrad final : public Optim {
 public:
  explicit Adagrad(const AdagradOptions& given)
      : Optim("adagrad",
              {{"lr_decay", given.lr_decay}, {"initial_accumulator_value", given.initial_accumulator}, {"eps", given.eps}}) {
    check(default_options());
  }

 private:
  enum { lr_decay, initial_accumulator, eps };

  void check(const Numbers& o) const override {
    expect_positive("lr_decay", o[lr_decay]);
    expect_positive("initial_accumulator_value", o[initial_accumulator]);
    expect_positive("eps", o[eps]);
  }
  Names memory_names(const Numbers&) const override { return {"step", "sum"}; }
  void update(const Batch& batch, const Group& group) override {
    const Numbers& o = group.options;
    const auto& sums = batch.memory[1];
    if (batch.first && o[initial_accumulator] != 0) compat::_foreach_add_(sums, o[initial_accumulator]);
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

class Rmsprop final : public Optim {
 public:
  explicit Rmsprop(const RmspropOptions& given)
      : Optim("rmsprop", {{"alpha", given.alpha},
                          {"eps", given.eps},
                          {"momentum", given.momentum},
                          {"centered", double(given.centered), true}}) {
    check(default_options());
  }

 private:
  enum { alpha, eps, momentum, centered };

  void check(const Numbers& o) const override {
    expect_positive("alpha", o[alpha]);
    expect_positive("eps", o[eps]);
    expect_positive("momentum", o[momentum]);
  }
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

std::shared_ptr<Optim> make_optim(const SgdOptions& options) { return std::make_shared<Sgd>(options); }
std::shared_ptr<Optim> make_optim(const AdamOptions& options) { return std::make_shared<Adam>(options); }
std::shared_ptr<Optim> make_optim(const AdagradOptions& options) { return std::make_shared<Adagrad>(options); }
std::shared_ptr<Optim> make_optim(const RmspropOptions& options) { return std::make_shared<Rmsprop>(options); }

}  // namespace ctorch
