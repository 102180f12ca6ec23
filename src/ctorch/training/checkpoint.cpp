// Entries of checkpoints: everything of a training run in one State, told apart by the beginnings of the names.
#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "core/text.h"
#include "ctorch_checkpoint.h"
#include "ctorch_ops.h"
#include "model/handle.h"
#include "tensor/handle.h"
#include "tensor/random.h"
#include "training/optimizer/handle.h"

using namespace ctorch;

namespace {

constexpr int64_t format = 1;
constexpr const char* head = "ftorch_checkpoint";  // format, step; the entry by which a checkpoint is recognized
constexpr const char *of_model = "model/", *of_optim = "optim/", *of_more = "more/", *of_random = "random/";
constexpr const char* schedule_name = "schedule";

void append(State& all, const std::string& prefix, const State& part) {
  for (const auto& [name, value] : part) all.emplace_back(prefix + name, value);
}

State part_of(const State& all, const std::string& prefix) {
  State part;
  for (const auto& [name, value] : all)
    if (name.starts_with(prefix)) part.emplace_back(name.substr(prefix.size()), value);
  return part;
}

// The CPU's generator, and that of the device the model is on.
std::vector<c10::Device> generators(const Model& model) {
  std::vector<c10::Device> list{c10::Device(c10::kCPU)};
  if (!model.device().is_cpu()) list.push_back(model.device());
  return list;
}

// By the kind of the device: which of several it was does not matter to a run that goes on elsewhere.
std::string generator_name(c10::Device device) { return of_random + c10::DeviceTypeName(device.type(), /*lower_case=*/true); }

// A checkpoint that has been read, and what the caller wants of it.
class Checkpoint {
 public:
  explicit Checkpoint(std::string path) : path_(std::move(path)), all_(read_state(path_)) {
    const at::Tensor* found = find(head);
    if (!found || found->scalar_type() != at::kLong || found->numel() != 2)
      refuse("is no checkpoint of torch_checkpoint_save; if it holds a model's weights, torch_model_load_state reads it");
    const auto* numbers = found->const_data_ptr<int64_t>();
    if (numbers[0] != format) refuse("is a checkpoint of format ", numbers[0], ", this version reads format ", format);
    step_ = numbers[1];
  }

  int64_t step() const {
    if (step_ == CTORCH_ABSENT) refuse("was saved without a step");
    return step_;
  }

  void schedule(double values[], int32_t count) const {
    const at::Tensor* saved = find(schedule_name);
    if (!saved) refuse("was saved without a schedule");
    if (saved->scalar_type() != at::kDouble || saved->numel() != count)
      refuse("holds a schedule of ", saved->numel(), " numbers, this one has ", count, "; make it as it was when it was saved");
    std::copy_n(saved->const_data_ptr<double>(), count, values);
  }

  Model::Match model(const Model& model) const {
    return model.match(part_of(all_, of_model), true, "the checkpoint '" + path_ + "'");
  }

  State optim() const {
    State part = part_of(all_, of_optim);
    if (part.empty()) refuse("was saved without an optimizer");
    return part;
  }

  // The caller's own tensors, fit for where they go.
  std::vector<at::Tensor> more(const ctorch_tensor targets[], int32_t count) const {
    std::vector<at::Tensor> values;
    const State part = part_of(all_, of_more);
    if (part.size() != static_cast<size_t>(count))
      refuse("holds ", part.size(), " tensors of argument 'more', got an array of ", count);
    for (int32_t i = 0; i < count; ++i) {
      const at::Tensor* saved = find(of_more + std::to_string(i + 1));
      if (!saved) refuse("is damaged: tensor ", i + 1, " of argument 'more' is not in it");
      const TensorObject* held = targets[i].id ? &tensors().get(targets[i].id, "more", i + 1) : nullptr;
      if (held && held->wraps && (held->value.sizes() != saved->sizes() || held->value.scalar_type() != saved->scalar_type()))
        refuse("holds ", describe(*saved), " as tensor ", i + 1, " of argument 'more', the array given for it is ",
               describe(held->value));
      values.push_back(*saved);
    }
    return values;
  }

  // The states for these devices. A run that was saved on another kind of device has none for this one, whose generator stays
  // as the program has seeded it.
  std::vector<std::pair<c10::Device, at::Tensor>> random(const std::vector<c10::Device>& devices) const {
    std::vector<std::pair<c10::Device, at::Tensor>> states;
    for (const c10::Device device : devices) {
      const at::Tensor* saved = generator_state(device);
      if (!saved && !device.is_cpu()) continue;
      if (!saved) refuse("is damaged: it has no state of the random generator of the cpu");
      check_random_state(device, *saved);
      states.emplace_back(device, *saved);
    }
    return states;
  }

 private:
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    fail(CTORCH_ERROR_ARGUMENT, "'", path_, "' ", parts...);
  }

  // Older files name the device with its index.
  const at::Tensor* generator_state(c10::Device device) const {
    const std::string name = generator_name(device), with_index = name + ":";
    for (const auto& [key, value] : all_)
      if (key == name || key.starts_with(with_index)) return &value;
    return nullptr;
  }

  const at::Tensor* find(const std::string& name) const {
    const auto found = std::find_if(all_.begin(), all_.end(), [&](const auto& entry) { return entry.first == name; });
    return found == all_.end() ? nullptr : &found->second;
  }

  std::string path_;
  State all_;
  int64_t step_ = 0;
};

}  // namespace

extern "C" {

int32_t ctorch_checkpoint_save(const char* path, int64_t path_length, const ctorch_model* model, const ctorch_optim* optim,
                               int32_t has_optim, const double schedule[], int32_t n_schedule, int64_t step,
                               const ctorch_tensor more[], int32_t n_more) {
  return compute([&] {
    const Model& network = object_of(model);
    State all{{head, at::tensor({format, step}, at::kLong)}};
    append(all, of_model, network.backend().state());
    if (has_optim) append(all, of_optim, object_of(optim).state());
    if (n_schedule >= 0) {
      if (n_schedule) require(schedule, "schedule");
      const std::vector<double> values(schedule, schedule + n_schedule);
      all.emplace_back(schedule_name, at::tensor(values, at::kDouble));
    }
    if (n_more > 0) require(more, "more");
    for (int32_t i = 0; i < n_more; ++i) all.emplace_back(of_more + std::to_string(i + 1), *Input(&more[i], "more", i + 1));
    for (const c10::Device device : generators(network)) all.emplace_back(generator_name(device), random_state(device));
    write_state(read_path(path, path_length), all);
  });
}

int32_t ctorch_checkpoint_load(const char* path, int64_t path_length, const ctorch_model* model, const ctorch_optim* optim,
                               int32_t has_optim, double schedule[], int32_t n_schedule, int32_t has_step, int64_t* step,
                               ctorch_tensor more[], int32_t n_more, int32_t apply) {
  return compute([&] {
    const Model& network = object_of(model);
    Optim* optimizer = has_optim ? &object_of(optim) : nullptr;
    const Checkpoint checkpoint(read_path(path, path_length));
    const Model::Match weights = checkpoint.model(network);
    const auto load_optim = optimizer ? optimizer->prepare_load(checkpoint.optim()) : std::function<void()>();
    if (n_more > 0) require(more, "more");
    const auto own = n_more >= 0 ? checkpoint.more(more, n_more) : std::vector<at::Tensor>();
    const auto random = checkpoint.random(generators(network));
    if (n_schedule >= 0) checkpoint.schedule(schedule, n_schedule);
    if (has_step) {
      require(step, "step");
      *step = checkpoint.step();
    }
    if (!apply) return;
    if (load_optim) load_optim();
    copy_matched(weights);
    for (const auto& [name, value] : network.backend().parameters()) value.mutable_grad() = at::Tensor();
    for (int32_t i = 0; i < n_more; ++i) {
      // In the place of a tensor on a device comes one that is there too.
      const TensorObject* held = more[i].id ? &tensors().get(more[i].id, "more", i + 1) : nullptr;
      const at::Tensor& saved = own[static_cast<size_t>(i)];
      store_result(&more[i], held && !held->wraps ? saved.to(held->value.device()) : saved);
    }
    for (const auto& [device, state] : random) set_random_state(device, state);
  });
}

}  // extern "C"
