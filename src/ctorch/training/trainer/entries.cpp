// Entries of trainers.
#include "model/handle.h"
#include "tensor/array.h"
#include "tensor/handle.h"
#include "training/trainer/handle.h"
#include "training/trainer/trainer.h"

using namespace ctorch;

namespace {

Trainer::Tensors collect(const ctorch_tensor handles[], int32_t count, const char* noun) {
  if (count < 0) fail(CTORCH_ERROR_ARGUMENT, "negative number of ", noun, "s");
  if (count) require(handles, noun);
  Trainer::Tensors tensors;
  for (int32_t i = 0; i < count; ++i) tensors.push_back(*Input(&handles[i], noun, i + 1));
  return tensors;
}

at::Tensor tensor_over(const ctorch_array* array, const char* noun) {
  require(array, noun);
  const int32_t dtype = array_dtype(*array, CTORCH_DTYPE_DEFAULT, noun);
  return array_tensor(*array, array_view(*array, noun), dtype);
}

std::string text_of(const char* text, int64_t length, const char* noun) {
  if (length > 0) require(text, noun);
  std::string copy(text ? text : "", static_cast<size_t>(length > 0 ? length : 0));
  copy.erase(copy.find_last_not_of(' ') + 1);
  return copy;
}

}  // namespace

extern "C" {

int32_t ctorch_trainer_load(const char* path, int64_t path_length, const char* sha256, int64_t sha256_length,
                            ctorch_trainer* trainer) {
  return guard([&] {
    HostEnvironment host;
    require(trainer, "trainer");
    auto made = std::make_shared<Trainer>(path_text(path, path_length), text_of(sha256, sha256_length, "sha256"));
    const uint64_t old = trainer->id;
    trainer->id = trainers().create(TrainerObject{std::move(made)});
    if (old) trainers().release(old);
  });
}

int32_t ctorch_trainer_share(const ctorch_trainer* source, ctorch_trainer* target) {
  return guard([&] {
    if (!target) fail(CTORCH_ERROR_ARGUMENT, "the left side of the assignment is not allocated; allocate it first");
    require(source, "source");
    if (source->id == target->id) return;
    const uint64_t old = target->id;
    target->id = source->id ? trainers().create(trainers().get(source->id, "trainer")) : 0;
    if (old) trainers().release(old);
  });
}

int32_t ctorch_trainer_delete(ctorch_trainer* trainer) {
  if (!trainer || trainer->id == 0) return CTORCH_SUCCESS;
  trainers().release(trainer->id);
  trainer->id = 0;
  return CTORCH_SUCCESS;
}

int32_t ctorch_trainer_run(const ctorch_trainer* trainer, int32_t update, const ctorch_tensor inputs[], int32_t n_inputs,
                           const ctorch_tensor targets[], int32_t n_targets, int32_t convert, double* loss) {
  return guard([&] {
    HostEnvironment host;
    require(loss, "loss");
    Trainer& object = trainer_of(trainer);
    *loss = object.run(update != 0, collect(inputs, n_inputs, "input"), collect(targets, n_targets, "target"), convert != 0);
  });
}

int32_t ctorch_trainer_run_arrays(const ctorch_trainer* trainer, int32_t update, const ctorch_array* x, const ctorch_array* y,
                                  int32_t convert, double* loss) {
  return guard([&] {
    HostEnvironment host;
    require(loss, "loss");
    Trainer& object = trainer_of(trainer);
    *loss = object.run(update != 0, {tensor_over(x, "input")}, {tensor_over(y, "target")}, convert != 0);
  });
}

int32_t ctorch_trainer_learning_rate(const ctorch_trainer* trainer, int32_t last, double* learning_rate) {
  return guard([&] {
    require(learning_rate, "learning_rate");
    *learning_rate = trainer_of(trainer).learning_rate(last != 0);
  });
}

int32_t ctorch_trainer_set_learning_rate(const ctorch_trainer* trainer, double learning_rate) {
  return guard([&] { trainer_of(trainer).set_learning_rate(learning_rate); });
}

int32_t ctorch_trainer_set_seed(const ctorch_trainer* trainer, int64_t seed) {
  return guard([&] { trainer_of(trainer).set_seed(seed); });
}

int32_t ctorch_trainer_count(const ctorch_trainer* trainer, int64_t* count) {
  return guard([&] {
    require(count, "count");
    *count = trainer_of(trainer).count();
  });
}

int32_t ctorch_trainer_save(const ctorch_trainer* trainer, const char* path, int64_t path_length) {
  return guard([&] {
    HostEnvironment host;
    trainer_of(trainer).save(path_text(path, path_length));
  });
}

int32_t ctorch_trainer_restore(const ctorch_trainer* trainer, const char* path, int64_t path_length) {
  return guard([&] {
    HostEnvironment host;
    trainer_of(trainer).restore(path_text(path, path_length));
  });
}

int32_t ctorch_trainer_names(const ctorch_trainer* trainer, const char** text, int64_t* length) {
  return guard([&] { give_text(trainer_of(trainer).names(), text, length); });
}

int32_t ctorch_trainer_get_tensor(const ctorch_trainer* trainer, const char* name, int64_t name_length, ctorch_tensor* tensor) {
  return guard([&] {
    HostEnvironment host;
    require(tensor, "tensor");
    deliver(tensor, trainer_of(trainer).tensor(text_of(name, name_length, "name")));
  });
}

int32_t ctorch_trainer_set_tensor(const ctorch_trainer* trainer, const char* name, int64_t name_length,
                                  const ctorch_tensor* values, int32_t convert) {
  return guard([&] {
    HostEnvironment host;
    trainer_of(trainer).set_tensor(text_of(name, name_length, "name"), *Input(values, "values"), convert != 0);
  });
}

int32_t ctorch_trainer_contract(const ctorch_trainer* trainer, const char** text, int64_t* length) {
  return guard([&] { give_text(trainer_of(trainer).contract(), text, length); });
}

int32_t ctorch_model_take_weights(const ctorch_model* model, const ctorch_trainer* trainer) {
  return guard([&] {
    HostEnvironment host;
    trainer_of(trainer).give_weights(model_of(model));
  });
}

}  // extern "C"
