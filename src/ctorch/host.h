// The host program's process-wide settings that libtorch would change: saved on entry, restored on exit.
#pragma once
#include <cstdint>

namespace ctorch {

// Wraps every call that computes. Inside: default floating-point environment (no traps, no flush to zero, as in Python) and
// the thread count set by the user; afterwards: exactly what the host had, status flags included.
class HostEnvironment {
 public:
  HostEnvironment() noexcept;
  ~HostEnvironment();
  HostEnvironment(const HostEnvironment&) = delete;
  HostEnvironment& operator=(const HostEnvironment&) = delete;

 private:
  uint32_t control_;      // SSE control and status, or unused where fenv is saved instead
  uint16_t x87_;          // x87 control word
  bool traps_;            // the host traps floating-point exceptions
  int threads_;           // the host's OpenMP thread count on this thread
  void* fenv_ = nullptr;  // other processors: the whole environment
};

void set_threads(int32_t count);  // 0: as many as the host's OpenMP would use
int32_t get_threads();

}  // namespace ctorch
