// The rules of the optimizers that need no closure. Those of SGD and Adam are PyTorch's fused kernels: one call for all
// parameters, where torch::optim makes a dozen for each. The numbers are those of Python's torch.optim.
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_addcdiv.h>
#include <ATen/ops/_foreach_addcmul.h>
#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_sqrt.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>

#include "error.h"
#include "optim.h"

namespace ctorch {
namespace {

using Names = std::vector<std::string>;

void count_step(const std::vector<at::Tensor>& steps) {
  if (!steps[0].is_cpu()) {
    at::_foreach_add_(steps, 1);
    return;
  }
  for (const at::Tensor& step : steps) *step.mutable_data_ptr<float>() += 1;  // without ten kernels for ten numbers
}

// Gradients with the pull of the weights to zero.
std::vector<at::Tensor> decayed(const Batch& batch, double weight_decay) {
  return weight_decay == 0 ? batch.gradients : at::_foreach_add(batch.gradients, batch.values, weight_decay);
}

class Sgd final : public Optim {
 public:
  explicit Sgd(const SgdOptions& given) : Optim("sgd", given.momentum != 0 ? Names{"momentum_buffer"} : Names{}), o_(given) {
    expect_positive("momentum", o_.momentum);
    if (!std::isfinite(o_.dampening))
      fail(CTORCH_ERROR_ARGUMENT, "argument 'dampening': expected a finite number, got ", o_.dampening);
    if (o_.nesterov && (o_.momentum == 0 || o_.dampening != 0))
      fail(CTORCH_ERROR_ARGUMENT, "nesterov=.true. needs a momentum above 0 and a dampening of 0, got ", o_.momentum, " and ",
           o_.dampening);
  }

 private:
  void update(const Batch& batch, const Group& group) override {
    const at::TensorList buffers = batch.memory.empty() ? at::TensorList() : at::TensorList(batch.memory[0]);
    at::_fused_sgd_(batch.values, batch.gradients, buffers, group.weight_decay, o_.momentum, group.learning_rate, o_.dampening,
                    o_.nesterov, /*maximize=*/false, batch.first);
  }
  std::vector<double*> options() override { return {&o_.momentum, &o_.dampening}; }
  SgdOptions o_;
};

class Adam final : public Optim {
 public:
  explicit Adam(const AdamOptions& given)
      : Optim(given.decoupled ? "adamw" : "adam", given.amsgrad ? Names{"step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"}
                                                                : Names{"step", "exp_avg", "exp_avg_sq"}),
        o_(given) {
    expect_fraction("beta_1", o_.beta_1);
    expect_fraction("beta_2", o_.beta_2);
    expect_positive("eps", o_.eps);
  }

 private:
  void update(const Batch& batch, const Group& group) override {
    count_step(batch.memory[0]);
    const at::TensorList largest = o_.amsgrad ? at::TensorList(batch.memory[3]) : at::TensorList();
    const auto rule = [&](auto&& kernel) {
      kernel(batch.values, batch.gradients, batch.memory[1], batch.memory[2], largest, batch.memory[0], group.learning_rate,
             o_.beta_1, o_.beta_2, group.weight_decay, o_.eps, o_.amsgrad, /*maximize=*/false);
    };
    if (o_.decoupled)
      rule([](auto&&... arguments) { at::_fused_adamw_(arguments...); });
    else
      rule([](auto&&... arguments) { at::_fused_adam_(arguments...); });
  }
  std::vector<double*> options() override { return {&o_.beta_1, &o_.beta_2, &o_.eps}; }
  AdamOptions o_;
};

class Adagrad final : public Optim {
 public:
  explicit Adagrad(const AdagradOptions& given) : Optim("adagrad", {"step", "sum"}), o_(given) {
    expect_positive("lr_decay", o_.lr_decay);
    expect_positive("initial_accumulator_value", o_.initial_accumulator);
    expect_positive("eps", o_.eps);
  }

 private:
  void update(const Batch& batch, const Group& group) override {
    const auto& sums = batch.memory[1];
    if (batch.first && o_.initial_accumulator != 0) at::_foreach_add_(sums, o_.initial_accumulator);
    count_step(batch.memory[0]);
    const std::vector<at::Tensor> gradients = decayed(batch, group.weight_decay);
    at::_foreach_addcmul_(sums, gradients, gradients, 1);
    std::vector<at::Tensor> scale = at::_foreach_sqrt(sums);
    at::_foreach_add_(scale, o_.eps);
    std::vector<at::Scalar> rates;
    for (const at::Tensor& step : batch.memory[0])
      rates.emplace_back(-group.learning_rate / (1 + (step.item<double>() - 1) * o_.lr_decay));
    at::_foreach_addcdiv_(batch.values, gradients, scale, rates);
  }
  std::vector<double*> options() override { return {&o_.lr_decay, &o_.initial_accumulator, &o_.eps}; }
  AdagradOptions o_;
};

class Rmsprop final : public Optim {
 public:
  explicit Rmsprop(const RmspropOptions& given) : Optim("rmsprop", names(given)), o_(given) {
    expect_positive("alpha", o_.alpha);
    expect_positive("eps", o_.eps);
    expect_positive("momentum", o_.momentum);
  }

 private:
  static Names names(const RmspropOptions& given) {
    Names list{"square_avg"};
    if (given.momentum > 0) list.emplace_back("momentum_buffer");
    if (given.centered) list.emplace_back("grad_avg");
    return list;
  }

  void update(const Batch& batch, const Group& group) override {
    const std::vector<at::Tensor> gradients = decayed(batch, group.weight_decay);
    const auto& squares = batch.memory[0];
    at::_foreach_mul_(squares, o_.alpha);
    at::_foreach_addcmul_(squares, gradients, gradients, 1 - o_.alpha);
    std::vector<at::Tensor> scale;
    if (o_.centered) {
      const auto& averages = batch.memory.back();
      at::_foreach_lerp_(averages, gradients, 1 - o_.alpha);
      scale = at::_foreach_addcmul(squares, averages, averages, -1);
      at::_foreach_sqrt_(scale);
    } else {
      scale = at::_foreach_sqrt(squares);
    }
    at::_foreach_add_(scale, o_.eps);
    if (o_.momentum > 0) {
      at::_foreach_mul_(batch.memory[1], o_.momentum);
      at::_foreach_addcdiv_(batch.memory[1], gradients, scale, 1);
      at::_foreach_add_(batch.values, batch.memory[1], -group.learning_rate);
    } else {
      at::_foreach_addcdiv_(batch.values, gradients, scale, -group.learning_rate);
    }
  }
  std::vector<double*> options() override { return {&o_.alpha, &o_.eps, &o_.momentum}; }
  RmspropOptions o_;
};

}  // namespace

std::shared_ptr<Optim> make_optim(const SgdOptions& options) { return std::make_shared<Sgd>(options); }
std::shared_ptr<Optim> make_optim(const AdamOptions& options) { return std::make_shared<Adam>(options); }
std::shared_ptr<Optim> make_optim(const AdagradOptions& options) { return std::make_shared<Adagrad>(options); }
std::shared_ptr<Optim> make_optim(const RmspropOptions& options) { return std::make_shared<Rmsprop>(options); }

}  // namespace ctorch
