// Objects that programs know by numbers, which are never used twice.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "core/communicator.h"
#include "core/error.h"

namespace ftorch {

template <class Object>
class Numbered {
 public:
  explicit Numbered(const char* noun) : noun_(noun) {}

  int64_t add(std::shared_ptr<Object> object) {
    const std::lock_guard lock(mutex_);
    objects_[++last_] = std::move(object);
    return last_;
  }

  std::shared_ptr<Object> at(int64_t number) {
    need_running_mpi();
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(number);
    if (found == objects_.end())
      fail(CTORCH_ERROR_HANDLE, "the ", noun_, number == 0 ? " has not been created" : " has been deleted");
    return found->second;
  }

  void remove(int64_t number) {
    const std::lock_guard lock(mutex_);
    objects_.erase(number);
  }

 private:
  const char* noun_;
  std::mutex mutex_;
  std::map<int64_t, std::shared_ptr<Object>> objects_;
  int64_t last_ = 0;
};

}  // namespace ftorch
