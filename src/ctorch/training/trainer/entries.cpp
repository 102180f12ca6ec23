// Entries of trainers.
#include "core/shared_handle.h"
#include "core/text.h"
#include "ctorch_trainer.h"
#include "device/device.h"
#include "model/handle.h"
#include "tensor/array.h"
#include "tensor/handle.h"
#include "training/trainer/trainer.h"

using namespace ctorch;

template <>
struct ctorch::Named<ctorch_trainer> {
  using Object = Trainer;
  static constexpr int32_t kind = CTORCH_HANDLE_TRAINER;
  static constexpr const char *argument = "trainer", *noun = "trainer";
};

namespace {

Trainer::Tensors collect(const ctorch_tensor handles[], int32_t count, const char* noun) {
  if (count < 0) fail(CTORCH_ERROR_ARGUMENT, "negative number of ", noun, "s");
  if (count) require(handles, noun);
  Trainer::Tensors tensors;
  for (int32_t i = 0; i < count; ++i) tensors.push_back(*Input(&handles[i], noun, i + 1));
  return tensors;
}

at::Tensor tensor_over(const ctorch_array* array, c10::Device where, const char* noun) {
  require(array, noun);
  const int32_t dtype = array_dtype(*array, CTORCH_DTYPE_DEFAULT, noun);
  const bool there = lies_on_device(*array, where, noun, "trainer");
  return array_tensor(*array, array_view(*array, noun), dtype, there ? where : c10::Device(c10::kCPU));
}

template <class Source>
int32_t load(Source&& source, int32_t device_type, int32_t device_index, const char* sha256, int64_t sha256_length,
             ctorch_trainer* trainer) {
  return compute([&] {
    require(trainer, "trainer");
    store(trainer,
          std::make_shared<Trainer>(source(), device(device_type, device_index), read_text(sha256, sha256_length, "sha256")));
  });
}

}  // namespace

extern "C" {

int32_t ctorch_trainer_load(const char* path, int64_t path_length, const char* sha256, int64_t sha256_length,
                            ctorch_trainer* trainer) {
  return ctorch_trainer_load_on(path, path_length, CTORCH_DEVICE_CPU, -1, sha256, sha256_length, trainer);
}

int32_t ctorch_trainer_load_bytes(const void* bytes, int64_t size, const char* name, int64_t name_length, const char* sha256,
                                  int64_t sha256_length, ctorch_trainer* trainer) {
  return ctorch_trainer_load_bytes_on(bytes, size, name, name_length, CTORCH_DEVICE_CPU, -1, sha256, sha256_length, trainer);
}

int32_t ctorch_trainer_load_open(int32_t descriptor, const char* name, int64_t name_length, const char* sha256,
                                 int64_t sha256_length, ctorch_trainer* trainer) {
  return ctorch_trainer_load_open_on(descriptor, name, name_length, CTORCH_DEVICE_CPU, -1, sha256, sha256_length, trainer);
}

int32_t ctorch_trainer_load_on(const char* path, int64_t path_length, int32_t device_type, int32_t device_index,
                               const char* sha256, int64_t sha256_length, ctorch_trainer* trainer) {
  return load([&] { return FileSource{read_path(path, path_length)}; }, device_type, device_index, sha256, sha256_length,
              trainer);
}

int32_t ctorch_trainer_load_bytes_on(const void* bytes, int64_t size, const char* name, int64_t name_length,
                                     int32_t device_type, int32_t device_index, const char* sha256, int64_t sha256_length,
                                     ctorch_trainer* trainer) {
  return load([&] { return bytes_in_memory(bytes, size, name, name_length); }, device_type, device_index, sha256, sha256_length,
              trainer);
}

int32_t ctorch_trainer_load_open_on(int32_t descriptor, const char* name, int64_t name_length, int32_t device_type,
                                    int32_t device_index, const char* sha256, int64_t sha256_length, ctorch_trainer* trainer) {
  return load([&] { return open_file(descriptor, name, name_length); }, device_type, device_index, sha256, sha256_length,
              trainer);
}

int32_t ctorch_trainer_share(const ctorch_trainer* source, ctorch_trainer* target) { return share_handle(source, target); }

int32_t ctorch_trainer_delete(ctorch_trainer* trainer) { return delete_handle(table_of<ctorch_trainer>(), trainer); }

int32_t ctorch_trainer_run(const ctorch_trainer* trainer, int32_t function, const ctorch_tensor inputs[], int32_t n_inputs,
                           const ctorch_tensor targets[], int32_t n_targets, int32_t convert, double* loss) {
  return compute([&] {
    Trainer& object = object_of(trainer);
    object.run(function, collect(inputs, n_inputs, "input"), collect(targets, n_targets, "target"), convert != 0, false, loss);
  });
}

int32_t ctorch_trainer_run_arrays(const ctorch_trainer* trainer, int32_t function, const ctorch_array* x, const ctorch_array* y,
                                  int32_t convert, double* loss) {
  return compute([&] {
    Trainer& object = object_of(trainer);
    const c10::Device where = object.device();
    object.run(function, {tensor_over(x, where, "input")}, {tensor_over(y, where, "target")}, convert != 0, true, loss);
  });
}

int32_t ctorch_trainer_apply(const ctorch_trainer* trainer, double* loss) {
  return compute([&] {
    require(loss, "loss");
    *loss = object_of(trainer).apply();
  });
}

int32_t ctorch_trainer_no_gradients(const ctorch_trainer* trainer) {
  return compute([&] { object_of(trainer).pass_on_nothing(); });
}

int32_t ctorch_trainer_mark_gradients(const ctorch_trainer* trainer, int32_t whole) {
  return guard([&] { object_of(trainer).mark(whole != 0); });
}

int32_t ctorch_trainer_exchange_count(const ctorch_trainer* trainer, int32_t* count) {
  return compute([&] {
    require(count, "count");
    *count = static_cast<int32_t>(object_of(trainer).exchanged().size());
  });
}

int32_t ctorch_trainer_exchange(const ctorch_trainer* trainer, int32_t index, int32_t* role, int32_t* dtype, int64_t* elements,
                                int64_t* bytes, void** data) {
  return compute([&] {
    require(role, "role");
    require(dtype, "dtype");
    require(elements, "elements");
    require(bytes, "bytes");
    require(data, "data");
    const auto& all = object_of(trainer).exchanged();
    if (index < 0 || static_cast<size_t>(index) >= all.size())
      fail(CTORCH_ERROR_ARGUMENT, "argument 'index': expected 0 to ", all.size() - 1, ", got ", index);
    const Exchange::Flat& flat = all[static_cast<size_t>(index)];
    *role = flat.role;
    *dtype = dtype_code(flat.value.scalar_type());
    *elements = flat.value.numel();
    *bytes = static_cast<int64_t>(flat.value.nbytes());
    *data = flat.shown.mutable_data_ptr();
  });
}

int32_t ctorch_trainer_learning_rate(const ctorch_trainer* trainer, int32_t last, double* learning_rate) {
  return compute([&] {
    require(learning_rate, "learning_rate");
    *learning_rate = object_of(trainer).learning_rate(last != 0);
  });
}

int32_t ctorch_trainer_set_learning_rate(const ctorch_trainer* trainer, double learning_rate) {
  return compute([&] { object_of(trainer).set_learning_rate(learning_rate); });
}

int32_t ctorch_trainer_set_seed(const ctorch_trainer* trainer, int64_t seed) {
  return compute([&] { object_of(trainer).set_seed(seed); });
}

int32_t ctorch_trainer_count(const ctorch_trainer* trainer, int64_t* count) {
  return compute([&] {
    require(count, "count");
    *count = object_of(trainer).count();
  });
}

int32_t ctorch_trainer_save(const ctorch_trainer* trainer, const char* path, int64_t path_length) {
  return compute([&] { object_of(trainer).save(read_path(path, path_length)); });
}

int32_t ctorch_trainer_restore(const ctorch_trainer* trainer, const char* path, int64_t path_length) {
  return compute([&] { object_of(trainer).restore(read_path(path, path_length)); });
}

int32_t ctorch_trainer_names(const ctorch_trainer* trainer, const char** text, int64_t* length) {
  return guard([&] { return_text(object_of(trainer).names(), text, length); });
}

int32_t ctorch_trainer_get_tensor(const ctorch_trainer* trainer, const char* name, int64_t name_length, ctorch_tensor* tensor) {
  return compute([&] {
    require(tensor, "tensor");
    store_result(tensor, object_of(trainer).tensor(read_trimmed(name, name_length, "name")));
  });
}

int32_t ctorch_trainer_set_tensor(const ctorch_trainer* trainer, const char* name, int64_t name_length,
                                  const ctorch_tensor* values, int32_t convert) {
  return compute(
      [&] { object_of(trainer).set_tensor(read_trimmed(name, name_length, "name"), *Input(values, "values"), convert != 0); });
}

int32_t ctorch_trainer_contract(const ctorch_trainer* trainer, const char** text, int64_t* length) {
  return guard([&] { return_text(object_of(trainer).contract(), text, length); });
}

int32_t ctorch_model_take_weights(const ctorch_model* model, const ctorch_trainer* trainer) {
  return compute([&] { object_of(trainer).give_weights(object_of(model)); });
}

}  // extern "C"
