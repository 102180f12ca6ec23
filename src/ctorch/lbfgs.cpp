// L-BFGS. The iteration and its line search are those of torch::optim, which are those of Python; around them: steps that fail
// leave everything as it was, and the memory can be saved.
#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <torch/optim/lbfgs.h>

#include <optional>

#include "error.h"
#include "optim.h"

namespace ctorch {
namespace {

using Memory = torch::optim::LBFGSParamState;
using torch::optim::LBFGS;

class Lbfgs final : public Optim {
 public:
  explicit Lbfgs(const LbfgsOptions& given) : Optim("lbfgs", {}), o_(given) {
    if (o_.max_iter < 1) fail(CTORCH_ERROR_ARGUMENT, "argument 'max_iter': expected 1 or more, got ", o_.max_iter);
    if (o_.max_eval < 0) fail(CTORCH_ERROR_ARGUMENT, "argument 'max_eval': expected 1 or more, got ", o_.max_eval);
    if (o_.history_size < 1) fail(CTORCH_ERROR_ARGUMENT, "argument 'history_size': expected 1 or more, got ", o_.history_size);
    expect_positive("tolerance_grad", o_.tolerance_grad);
    expect_positive("tolerance_change", o_.tolerance_change);
  }

  void add_group(std::vector<at::Tensor> parameters, double learning_rate, double weight_decay) override {
    if (!groups_.empty()) fail(CTORCH_ERROR_ARGUMENT, "L-BFGS takes all parameters as one group; give them when you make it");
    Optim::add_group(std::move(parameters), learning_rate, weight_decay);
    torch::optim::LBFGSOptions options(learning_rate);
    options.max_iter(o_.max_iter).history_size(o_.history_size);
    options.tolerance_grad(o_.tolerance_grad).tolerance_change(o_.tolerance_change);
    if (o_.max_eval > 0) options.max_eval(o_.max_eval);
    if (o_.strong_wolfe) options.line_search_fn("strong_wolfe");
    implementation_.emplace(values(), options);
  }

  at::Tensor step(const Closure& closure) override {
    if (!closure)
      fail(CTORCH_ERROR_ARGUMENT,
           "a step of L-BFGS evaluates the loss several times; pass a closure: torch_optim_step(optim, closure)");
    implementation_->param_groups()[0].options().set_lr(groups_[0].learning_rate);
    std::vector<at::Tensor> before;
    for (const at::Tensor& value : values()) before.push_back(value.detach().clone());
    const std::optional<Memory> remembered = memory() ? std::optional(copy_of(*memory())) : std::nullopt;
    try {
      return implementation_->step([&] {
        at::AutoGradMode gradients(true);
        return closure();
      });
    } catch (...) {
      at::NoGradGuard no_grad;
      for (size_t i = 0; i < before.size(); ++i) values()[i].copy_(before[i]);
      remember(remembered);
      throw;
    }
  }

 private:
  void update(const Batch&, const Group&) override {}
  std::vector<double*> options() override { return {&o_.tolerance_grad, &o_.tolerance_change}; }

  std::vector<at::Tensor> values() const {
    std::vector<at::Tensor> list;
    for (const Parameter& parameter : groups_[0].parameters) list.push_back(parameter.value);
    return list;
  }

  void* key() const { return groups_[0].parameters[0].value.unsafeGetTensorImpl(); }

  const Memory* memory() const {
    const auto& all = implementation_->state();
    const auto found = all.find(key());
    return found == all.end() ? nullptr : static_cast<const Memory*>(found->second.get());
  }

  void remember(const std::optional<Memory>& memory) {
    implementation_->state().clear();
    if (memory) implementation_->state()[key()] = std::make_unique<Memory>(*memory);
  }

  static Memory copy_of(const Memory& memory) {
    Memory copy = memory;
    if (copy.d().defined()) copy.d(copy.d().clone());
    if (copy.prev_flat_grad().defined()) copy.prev_flat_grad(copy.prev_flat_grad().clone());  // written in place by a step
    return copy;
  }

  void add_state(State& state) const override {
    const Memory* m = memory();
    if (!m || !m->d().defined()) return;
    const std::vector<double> numbers{static_cast<double>(m->func_evals()), static_cast<double>(m->n_iter()), m->t(),
                                      m->prev_loss(), static_cast<double>(m->old_dirs().size())};
    state.emplace_back("lbfgs.numbers", at::tensor(numbers, at::kDouble));
    state.emplace_back("lbfgs.direction", m->d());
    state.emplace_back("lbfgs.scale", m->H_diag());
    state.emplace_back("lbfgs.gradient", m->prev_flat_grad());
    for (size_t i = 0; i < m->old_dirs().size(); ++i) {
      const std::string name = "lbfgs.history." + std::to_string(i + 1) + ".";
      state.emplace_back(name + "gradient_change", m->old_dirs()[i]);
      state.emplace_back(name + "step", m->old_stps()[i]);
      state.emplace_back(name + "weight", m->ro()[i]);
    }
  }

  void take_state(const State& state) override {
    const auto get = [&](const std::string& name) -> at::Tensor {
      for (const auto& [key, tensor] : state)
        if (key == name) return tensor.clone();
      return {};
    };
    const at::Tensor numbers = get("lbfgs.numbers");
    if (!numbers.defined()) return remember(std::nullopt);
    Memory m;
    const auto* n = numbers.const_data_ptr<double>();
    m.func_evals(static_cast<int64_t>(n[0])).n_iter(static_cast<int64_t>(n[1])).t(n[2]).prev_loss(n[3]);
    m.d(get("lbfgs.direction")).H_diag(get("lbfgs.scale")).prev_flat_grad(get("lbfgs.gradient"));
    for (int64_t i = 1; i <= static_cast<int64_t>(n[4]); ++i) {
      const std::string name = "lbfgs.history." + std::to_string(i) + ".";
      m.old_dirs().push_back(get(name + "gradient_change"));
      m.old_stps().push_back(get(name + "step"));
      m.ro().push_back(get(name + "weight"));
    }
    remember(m);
  }

  LbfgsOptions o_;
  std::optional<LBFGS> implementation_;
};

}  // namespace

std::shared_ptr<Optim> make_optim(const LbfgsOptions& options) { return std::make_shared<Lbfgs>(options); }

}  // namespace ctorch
