// The host program's process-wide settings that libtorch would change: saved on entry, restored on exit.
#pragma once
#include <cstdint>

#include "core/error.h"
#include "host/float_call.h"

namespace ctorch {

// Wraps every call that computes. Inside: no traps, round to nearest, flush to zero as the host does (`float_call.h`) and the
// thread count set by the user; afterwards: exactly what the host had, status flags included.
class HostEnvironment {
 public:
  HostEnvironment() noexcept;
  ~HostEnvironment();
  HostEnvironment(const HostEnvironment&) = delete;
  HostEnvironment& operator=(const HostEnvironment&) = delete;

 private:
  FloatCall arithmetic_;
  int threads_;  // the host's OpenMP thread count on this thread
};

// `guard` for an entry that computes.
template <class Body>
int32_t compute(Body&& body) noexcept {
  return guard([&] {
    const HostEnvironment host;
    body();
  });
}

// Within its life what compiled code calls, matrix products above all, has no more threads than the code itself. 0: no limit.
class ThreadLimit {
 public:
  explicit ThreadLimit(int32_t most) noexcept;
  ~ThreadLimit();
  ThreadLimit(const ThreadLimit&) = delete;
  ThreadLimit& operator=(const ThreadLimit&) = delete;

 private:
  int before_;
};

void set_threads(int32_t count);  // 0: as many as the host's OpenMP would use
int32_t get_threads();

}  // namespace ctorch
