// Entries of optimizers.
#include <optional>
#include <tuple>

#include "core/text.h"
#include "tensor/handle.h"
#include "training/optimizer/arguments.h"
#include "training/optimizer/handle.h"

using namespace ctorch;

extern "C" {

int32_t ctorch_optim_share(const ctorch_optim* source, ctorch_optim* target) { return share_handle(source, target); }

int32_t ctorch_optim_same(const ctorch_optim* a, const ctorch_optim* b, int32_t* answer) {
  return answer_with(answer, "answer", [&] { return &object_of(a) == &object_of(b); });
}

int32_t ctorch_optim_delete(ctorch_optim* optim) { return delete_handle(table_of<ctorch_optim>(), optim); }

int32_t ctorch_optim_step(const ctorch_optim* optim) {
  return compute([&] { object_of(optim).step(nullptr); });
}

int32_t ctorch_optim_step_closure(const ctorch_optim* optim, ctorch_closure closure, void* context, ctorch_tensor* loss) {
  return guard([&] {
    if (!closure) fail(CTORCH_ERROR_ARGUMENT, "argument 'closure' is a null pointer");
    require(loss, "loss");
    const std::shared_ptr<Optim> kept = shared_of(optim).object;  // the closure might delete the handle
    std::optional<HostEnvironment> host(std::in_place);
    const at::Tensor first = kept->step([&] {
      host.reset();
      ctorch_tensor given{};
      int32_t status;
      {
        const OutOfCall outside;
        status = closure(context, &given);
      }
      host.emplace();
      at::Tensor value;
      if (status == CTORCH_SUCCESS) value = *Input(&given, "the loss that the closure gives");
      tensors().release(given.id);
      if (status != CTORCH_SUCCESS) fail(status, "the closure failed with status ", status);
      if (value.numel() != 1) fail(CTORCH_ERROR_ARGUMENT, "the closure must give a loss of one element, got ", describe(value));
      return value.detach();
    });
    store_result(loss, first.clone(), /*scalar=*/true);
  });
}

int32_t ctorch_optim_zero_grad(const ctorch_optim* optim) {
  return guard([&] { object_of(optim).zero_grad(); });
}

int32_t ctorch_optim_add_group(const ctorch_optim* optim, const ctorch_tensor parameters[], int32_t n_parameters,
                               int32_t whole_model, double learning_rate, double weight_decay, const char* names,
                               int64_t names_length, const double values[], int32_t n_values) {
  return guard([&] {
    object_of(optim).add_group(parameter_list(parameters, n_parameters, whole_model != 0), learning_rate, weight_decay,
                               options_by_name(names, names_length, values, n_values));
  });
}

int32_t ctorch_optim_option(const ctorch_optim* optim, int32_t group, const char* name, int64_t name_length, double* value) {
  return guard([&] {
    require(value, "value");
    Optim& asked = object_of(optim);
    *value = asked.option(asked.group(group), option_name(name, name_length));
  });
}

int32_t ctorch_optim_set_option(const ctorch_optim* optim, int32_t group, const char* name, int64_t name_length, double value) {
  return guard([&] {
    Optim& target = object_of(optim);
    std::vector<Group*> groups;
    if (group != 0)
      groups.push_back(&target.group(group));
    else
      for (size_t i = 1; i <= target.group_count(); ++i) groups.push_back(&target.group(static_cast<int64_t>(i)));
    target.set_option(groups, option_name(name, name_length), value);
  });
}

int32_t ctorch_optim_defaults(const ctorch_optim* optim, double* learning_rate, double* weight_decay) {
  return guard([&] {
    require(learning_rate, "learning_rate");
    require(weight_decay, "weight_decay");
    std::tie(*learning_rate, *weight_decay) = object_of(optim).defaults();
  });
}

int32_t ctorch_optim_group_count(const ctorch_optim* optim, int32_t* count) {
  return answer_with(count, "count", [&] { return object_of(optim).group_count(); });
}

int32_t ctorch_optim_learning_rate(const ctorch_optim* optim, int32_t group, double* learning_rate) {
  return answer_with(learning_rate, "learning_rate", [&] { return object_of(optim).group(group).learning_rate; });
}

int32_t ctorch_optim_set_learning_rate(const ctorch_optim* optim, int32_t group, double learning_rate) {
  return guard([&] {
    expect_not_negative("learning_rate", learning_rate);
    Optim& target = object_of(optim);
    if (group != 0) {
      target.group(group).learning_rate = learning_rate;
      return;
    }
    for (size_t i = 1; i <= target.group_count(); ++i) target.group(static_cast<int64_t>(i)).learning_rate = learning_rate;
  });
}

int32_t ctorch_optim_base_learning_rate(const ctorch_optim* optim, int32_t group, double* learning_rate) {
  return guard([&] {
    require(learning_rate, "learning_rate");
    Group& asked = object_of(optim).group(group);
    if (std::isnan(asked.base_learning_rate)) asked.base_learning_rate = asked.learning_rate;
    *learning_rate = asked.base_learning_rate;
  });
}

int32_t ctorch_optim_set_base_learning_rate(const ctorch_optim* optim, int32_t group, double learning_rate) {
  return guard([&] {
    expect_not_negative("learning_rate", learning_rate);
    object_of(optim).group(group).base_learning_rate = learning_rate;
  });
}

int32_t ctorch_optim_save(const ctorch_optim* optim, const char* path, int64_t path_length) {
  return compute([&] { write_state(read_path(path, path_length), object_of(optim).state()); });
}

int32_t ctorch_optim_load(const ctorch_optim* optim, const char* path, int64_t path_length) {
  return compute([&] {
    Optim& target = object_of(optim);
    target.prepare_load(read_state(read_path(path, path_length)))();
  });
}

}  // extern "C"
