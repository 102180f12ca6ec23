// L-BFGS. The iteration and its line search are those of torch::optim, which are those of Python; around them: steps that fail
// leave everything as it was, and the memory can be saved.
#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <torch/optim/lbfgs.h>

#include <algorithm>
#include <optional>

#include "core/error.h"
#include "training/optimizer/options.h"

namespace ctorch {
namespace {

using Memory = torch::optim::LBFGSParamState;
using torch::optim::LBFGS;

class Lbfgs final : public Optim, LBFGSOptions {
 public:
  explicit Lbfgs(std::vector<Option> options) : Optim("lbfgs", std::move(options)) {}

  void add_group(std::vector<at::Tensor> parameters, double learning_rate, double weight_decay,
                 const std::vector<std::pair<std::string, double>>& given) override {
    if (!groups_.empty()) fail(CTORCH_ERROR_ARGUMENT, "L-BFGS takes all parameters as one group; give them when you make it");
    Optim::add_group(std::move(parameters), learning_rate, weight_decay, given);
    implementation_.emplace(values(), torch::optim::LBFGSOptions(learning_rate));
  }

  at::Tensor step(const Closure& closure) override {
    if (!closure)
      fail(CTORCH_ERROR_ARGUMENT,
           "a step of L-BFGS evaluates the loss several times; pass a closure: torch_optim_step(optim, closure)");
    hand_over_options();
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
  Names memory_names(const Numbers&) const override { return {}; }
  void update(const Batch&, const Group&) override {}

  // A checkpoint or the program may have changed them since the last step.
  void hand_over_options() {
    const Numbers& o = groups_[0].options;
    auto& options = static_cast<torch::optim::LBFGSOptions&>(implementation_->param_groups()[0].options());
    const auto iterations = static_cast<int64_t>(o[max_iter]);
    options.lr(groups_[0].learning_rate).max_iter(iterations).history_size(static_cast<int64_t>(o[history_size]));
    options.max_eval(o[max_eval] > 0 ? static_cast<int64_t>(o[max_eval]) : iterations * 5 / 4);
    options.tolerance_grad(o[tolerance_grad]).tolerance_change(o[tolerance_change]);
    if (o[strong_wolfe] != 0) options.line_search_fn("strong_wolfe");
    // The implementation expects no more history than that, and keeps a buffer of just this size.
    if (history_ == o[history_size]) return;
    history_ = o[history_size];
    if (!memory()) return;
    Memory shorter = *memory();
    while (static_cast<int64_t>(shorter.old_dirs().size()) > options.history_size()) {
      shorter.old_dirs().pop_front();
      shorter.old_stps().pop_front();
      shorter.ro().pop_front();
    }
    shorter.al(std::nullopt);
    remember(shorter);
  }

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

  static Memory placed(const Memory& memory, c10::Device device) {
    const auto place = [&](const at::Tensor& tensor) {
      return tensor.to(device, tensor.scalar_type(), /*non_blocking=*/false, /*copy=*/true);
    };
    Memory copy = memory;
    copy.d(place(memory.d())).H_diag(place(memory.H_diag())).prev_flat_grad(place(memory.prev_flat_grad()));
    for (auto* list : {&copy.old_dirs(), &copy.old_stps(), &copy.ro()})
      for (at::Tensor& tensor : *list) tensor = place(tensor);
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

  std::function<void()> prepare_own_load(const State& state) override {
    int64_t count = 0;
    for (const at::Tensor& value : values()) count += value.numel();
    const c10::Device device = values()[0].device();
    const auto get = [&](const std::string& name, std::optional<at::ScalarType> dtype, int64_t numel) -> at::Tensor {
      for (const auto& [key, tensor] : state)
        if (key == name && tensor.numel() == numel && tensor.scalar_type() == dtype.value_or(tensor.scalar_type()))
          return tensor;
      fail(CTORCH_ERROR_ARGUMENT, "the saved state has no '", name, "' of ", numel,
           " elements: it belongs to another optimizer");
    };
    const std::string numbers_name = "lbfgs.numbers";
    const auto is_numbers = [&](const auto& entry) { return entry.first == numbers_name; };
    if (std::none_of(state.begin(), state.end(), is_numbers)) return [this] { remember(std::nullopt); };
    const at::ScalarType dtype = values()[0].scalar_type();
    const at::Tensor numbers = get(numbers_name, at::kDouble, 5).cpu();
    Memory m;
    const auto* n = numbers.const_data_ptr<double>();
    m.func_evals(static_cast<int64_t>(n[0])).n_iter(static_cast<int64_t>(n[1])).t(n[2]).prev_loss(n[3]);
    m.d(get("lbfgs.direction", dtype, count)).H_diag(get("lbfgs.scale", std::nullopt, 1));
    m.prev_flat_grad(get("lbfgs.gradient", dtype, count));
    for (int64_t i = 1; i <= static_cast<int64_t>(n[4]); ++i) {
      const std::string name = "lbfgs.history." + std::to_string(i) + ".";
      m.old_dirs().push_back(get(name + "gradient_change", dtype, count));
      m.old_stps().push_back(get(name + "step", dtype, count));
      m.ro().push_back(get(name + "weight", dtype, 1));
    }
    return [this, m, device] {
      remember(std::nullopt);  // first: there may be no room on the device for both, and L-BFGS can begin anew
      remember(placed(m, device));
    };
  }

  std::optional<LBFGS> implementation_;
  double history_ = 0;  // history_size of the last step
};

}  // namespace

std::shared_ptr<Optim> make_lbfgs(std::vector<Option> options) { return std::make_shared<Lbfgs>(std::move(options)); }

}  // namespace ctorch
