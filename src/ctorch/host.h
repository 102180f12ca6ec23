// The host program's process-wide settings that libtorch would change: saved on entry, restored on exit.
#pragma once
#include <cfenv>
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

// The part of it that plain arithmetic can disturb: the floating-point environment of this thread. For compiled code that
// neither calls PyTorch nor starts threads; a few nanoseconds.
class FloatEnvironment {
 public:
#if defined(__x86_64__)
  FloatEnvironment() noexcept : before_(__builtin_ia32_stmxcsr()) {
    if ((before_ & ~flags) != ordinary) [[unlikely]]
      __builtin_ia32_ldmxcsr(ordinary);
  }
  ~FloatEnvironment() {
    if (__builtin_ia32_stmxcsr() != before_) __builtin_ia32_ldmxcsr(before_);
  }

 private:
  static constexpr uint32_t flags = 0x3F, ordinary = 0x1F80;  // all exceptions masked, round to nearest, no flush to zero
  uint32_t before_;
#else
  FloatEnvironment() noexcept { std::feholdexcept(&before_); }
  ~FloatEnvironment() { std::fesetenv(&before_); }

 private:
  std::fenv_t before_;
#endif
 public:
  FloatEnvironment(const FloatEnvironment&) = delete;
  FloatEnvironment& operator=(const FloatEnvironment&) = delete;
};

void set_threads(int32_t count);  // 0: as many as the host's OpenMP would use
int32_t get_threads();

}  // namespace ctorch
