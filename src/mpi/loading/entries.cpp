// Entries that load models and trainers on all ranks.
#include <string>
#include <string_view>

#include "core/group.h"
#include "ctorch_mpi.h"
#include "loading/shared_file.h"

using namespace ftorch;

namespace {

std::string same_path(const Group& all, const char* path, int64_t length) {
  std::string mine(path, static_cast<size_t>(length));
  const std::string first = all.of_first(mine);
  all.together([&] {
    if (mine != first) fail(CTORCH_ERROR_ARGUMENT, "argument 'filename' is '", mine, "' here, '", first, "' on rank 0");
  });
  return mine;
}

// What is loaded takes its place only if all have it; otherwise what was there stays.
template <class Handle, class Load>
void load_together(const Group& all, Handle* handle, int32_t (*share)(const Handle*, Handle*), int32_t (*remove)(Handle*),
                   Load&& load) {
  struct Loaded {
    Handle handle{};
    int32_t (*remove)(Handle*);
    ~Loaded() { remove(&handle); }
  } made{{}, remove};
  all.together([&] { need(load(&made.handle)); });
  need(share(&made.handle, handle));
}

}  // namespace

int32_t ctorch_mpi_model_load(int32_t comm, const char* path, int64_t path_length, int32_t device_type, int32_t device_index,
                              int32_t requires_grad, int32_t is_training, int32_t trust, const char* sha256,
                              int64_t sha256_length, int32_t allow_random, ctorch_model* model) {
  return guard([&] {
    const Group all = group_of(comm);
    const std::string name = same_path(all, path, path_length);
    const SharedFile file(all, name);
    load_together(all, model, &ctorch_model_share, &ctorch_model_delete, [&](ctorch_model* made) {
      return ctorch_model_load_open(file.descriptor(), name.data(), static_cast<int64_t>(name.size()), device_type,
                                    device_index, requires_grad, is_training, trust, sha256, sha256_length, allow_random, made);
    });
  });
}

int32_t ctorch_mpi_trainer_load(int32_t comm, const char* path, int64_t path_length, int32_t device_type, int32_t device_index,
                                const char* sha256, int64_t sha256_length, ctorch_trainer* trainer) {
  return guard([&] {
    const Group all = group_of(comm);
    const std::string name = same_path(all, path, path_length);
    const SharedFile file(all, name);
    load_together(all, trainer, &ctorch_trainer_share, &ctorch_trainer_delete, [&](ctorch_trainer* made) {
      return ctorch_trainer_load_open_on(file.descriptor(), name.data(), static_cast<int64_t>(name.size()), device_type,
                                         device_index, sha256, sha256_length, made);
    });
  });
}
