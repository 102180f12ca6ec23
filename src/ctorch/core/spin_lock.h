// A lock for a handful of instructions. An uncontended std::mutex costs two atomic operations and two calls; this costs one.
#pragma once
#include <sched.h>

#include <atomic>

namespace ctorch {

class SpinLock {
 public:
  void lock() noexcept {
    constexpr int patience = 100;
    for (int tries = 0; flag_.test_and_set(std::memory_order_acquire); ++tries)
      if (tries >= patience) sched_yield();  // its holder may be waiting for this very core
  }
  void unlock() noexcept { flag_.clear(std::memory_order_release); }

 private:
  std::atomic_flag flag_;
};

}  // namespace ctorch
