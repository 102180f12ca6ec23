// Entry that gives the weights and buffers of one rank to all.
#include <ctorch_parameters.h>
#include <ctorch_types.h>

#include <algorithm>
#include <functional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "core/group.h"
#include "ctorch_mpi.h"

using namespace ftorch;

namespace {

constexpr int64_t piece = int64_t{64} << 20;  // MPI counts in int

int64_t bytes_of(int32_t dtype) {
  switch (dtype) {
    case CTORCH_DTYPE_INT8:
    case CTORCH_DTYPE_UINT8:
    case CTORCH_DTYPE_BOOL: return 1;
    case CTORCH_DTYPE_INT16:
    case CTORCH_DTYPE_FLOAT16:
    case CTORCH_DTYPE_BFLOAT16: return 2;
    case CTORCH_DTYPE_INT32:
    case CTORCH_DTYPE_FLOAT32: return 4;
    case CTORCH_DTYPE_COMPLEX128: return 16;
    default: return 8;
  }
}

// A copy of one tensor of the model, in memory of the host.
class Copy {
 public:
  Copy(const ctorch_model* model, int32_t kind, std::string name) : model_(model), kind_(kind), name_(std::move(name)) {
    ctorch_tensor shared{};
    need(ctorch_model_get_tensor(model, kind, name_.data(), length(), &shared));
    int32_t dtype = 0;
    const int32_t status = ctorch_tensor_dtype(&shared, &dtype);
    if (status == CTORCH_SUCCESS) need(ctorch_tensor_to(&shared, dtype, CTORCH_DEVICE_CPU, -1, 0, &copy_));
    ctorch_tensor_delete(&shared);
    need(status);
    need(ctorch_tensor_data(&copy_, &data_));
    need(ctorch_tensor_numel(&copy_, &bytes_));
    bytes_ *= bytes_of(dtype);
    words_ = name_ + " " + std::to_string(dtype) + " " + std::to_string(bytes_) + "\n";
  }
  Copy(Copy&& other) noexcept
      : model_(other.model_),
        kind_(other.kind_),
        name_(std::move(other.name_)),
        words_(std::move(other.words_)),
        copy_(std::exchange(other.copy_, {})),
        data_(other.data_),
        bytes_(other.bytes_) {}
  Copy& operator=(Copy&&) = delete;
  ~Copy() { ctorch_tensor_delete(&copy_); }

  const std::string& words() const { return words_; }

  void broadcast(MPI_Comm comm) const {
    for (int64_t at = 0; at < bytes_; at += piece) {
      const auto some = static_cast<int>(std::min(piece, bytes_ - at));
      check(MPI_Bcast(static_cast<char*>(data_) + at, some, MPI_BYTE, 0, comm), "MPI_Bcast");
    }
  }

  void give_back() const { need(ctorch_model_set_tensor(model_, kind_, name_.data(), length(), &copy_, 0)); }

 private:
  int64_t length() const { return static_cast<int64_t>(name_.size()); }

  const ctorch_model* model_;
  int32_t kind_;
  std::string name_, words_;
  ctorch_tensor copy_{};
  void* data_ = nullptr;
  int64_t bytes_ = 0;
};

void copy_all(const ctorch_model* model, int32_t kind, std::vector<Copy>& copies) {
  const char* text = nullptr;
  int64_t length = 0;
  need(ctorch_model_names(model, kind, &text, &length));
  std::istringstream names(std::string(text, static_cast<size_t>(length)));
  for (std::string name; std::getline(names, name);) copies.emplace_back(model, kind, name);
}

}  // namespace

int32_t ctorch_mpi_model_broadcast(int32_t comm, const ctorch_model* model, int32_t buffers_only) {
  return guard([&] {
    const Group all = group_of(comm);
    std::vector<Copy> copies;
    std::string words;
    all.together([&] {
      if (!buffers_only) copy_all(model, CTORCH_PARAMETER, copies);
      copy_all(model, CTORCH_BUFFER, copies);
      for (const Copy& copy : copies) words += copy.words();
      words = std::to_string(std::hash<std::string>{}(words));
    });
    const std::string first = all.of_first(words);
    all.together([&] {
      if (words != first) fail(CTORCH_ERROR_ARGUMENT, "argument 'model': its tensors are not those of the model of rank 0");
    });
    for (const Copy& copy : copies) copy.broadcast(all.comm());
    all.together([&] {
      if (all.rank() == 0) return;
      for (const Copy& copy : copies) copy.give_back();
    });
  });
}
