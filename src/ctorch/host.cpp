#include "host.h"

#include <ATen/Parallel.h>
#include <omp.h>
#include <pthread.h>

#include <atomic>
#include <cfenv>
#include <new>
#include <vector>

#include "error.h"

namespace ctorch {
namespace {

std::atomic<int> wanted_threads{0};

// In the child of a fork there is one thread: those of OpenMP's team have stayed in the parent, and a team would wait for them
// for ever. Set up when the library is loaded.
std::atomic<bool> forked{false};
[[maybe_unused]] const int hooked = ::pthread_atfork(nullptr, nullptr, [] {
  forked = true;
  wanted_threads = 1;
});

// PyTorch sets its own thread count at its first call on each thread; let that happen once, before ours. True for that once.
bool initialise_thread() noexcept {
  thread_local bool done = false;
  if (done) [[likely]]
    return false;
  done = true;
  try {
    at::get_num_threads();
  } catch (...) {  // then the first computation reports what is wrong
    return true;
  }
  return true;
}

#if defined(__x86_64__)
constexpr uint32_t default_mxcsr = 0x1F80;  // all exceptions masked, round to nearest, no flush to zero
constexpr uint16_t x87_masks = 0x3F;
constexpr uint32_t mxcsr_masks = 0x1F80;

uint32_t get_mxcsr() { return __builtin_ia32_stmxcsr(); }
void set_mxcsr(uint32_t value) { __builtin_ia32_ldmxcsr(value); }
uint16_t get_x87() {
  uint16_t word;
  __asm__ volatile("fnstcw %0" : "=m"(word));
  return word;
}
void set_x87(uint16_t word) { __asm__ volatile("fnclex\n\tfldcw %0" : : "m"(word)); }

// Worker threads inherit the traps of the thread that started them. Masks them on all workers of this thread's team, or puts
// back what they had. Only for hosts that trap: two short parallel regions.
class WorkerTraps {
 public:
  void mask(int threads) {
    saved_.assign(static_cast<size_t>(threads), default_mxcsr);
#pragma omp parallel num_threads(threads)
    {
      saved_[static_cast<size_t>(omp_get_thread_num())] = get_mxcsr();
      set_mxcsr(default_mxcsr);
    }
  }
  void restore() {
    const int threads = static_cast<int>(saved_.size());
#pragma omp parallel num_threads(threads)
    set_mxcsr(saved_[static_cast<size_t>(omp_get_thread_num())]);
    saved_.clear();
  }
  bool active() const { return !saved_.empty(); }

 private:
  std::vector<uint32_t> saved_;
};

thread_local WorkerTraps worker_traps;
#endif

}  // namespace

HostEnvironment::HostEnvironment() noexcept {
  threads_ = omp_get_max_threads();
  const bool first = initialise_thread();
  const int wanted = wanted_threads.load(std::memory_order_relaxed);
  const int inside = wanted > 0 ? wanted : threads_;
  if (first || inside != threads_) omp_set_num_threads(inside);
#if defined(__x86_64__)
  control_ = get_mxcsr();
  x87_ = get_x87();
  traps_ = (control_ & mxcsr_masks) != mxcsr_masks || (x87_ & x87_masks) != x87_masks;
  set_mxcsr(default_mxcsr);
  if (traps_) [[unlikely]] {
    set_x87(x87_ | x87_masks);
    if (inside > 1 && !omp_in_parallel() && !worker_traps.active()) worker_traps.mask(inside);
  }
#else
  fenv_ = new (std::nothrow) std::fenv_t;
  if (fenv_) std::feholdexcept(static_cast<std::fenv_t*>(fenv_));
#endif
}

HostEnvironment::~HostEnvironment() {
#if defined(__x86_64__)
  if (traps_) [[unlikely]] {
    if (worker_traps.active() && !omp_in_parallel()) worker_traps.restore();
    set_x87(x87_);
  }
  set_mxcsr(control_);
#else
  if (fenv_) std::fesetenv(static_cast<std::fenv_t*>(fenv_));
  delete static_cast<std::fenv_t*>(fenv_);
#endif
  if (omp_get_max_threads() != threads_) omp_set_num_threads(threads_);
}

void set_threads(int32_t count) {
  if (count < 0) fail(CTORCH_ERROR_ARGUMENT, "argument 'count': expected 0 (the host's own count) or more, got ", count);
  if (forked && count != 1)
    fail(CTORCH_ERROR_ARGUMENT,
         "argument 'count': this process was forked from one that had loaded the library, and computes with ",
         "one thread; start it as a program of its own for more");
  wanted_threads.store(count, std::memory_order_relaxed);
}

int32_t get_threads() {
  const int wanted = wanted_threads.load(std::memory_order_relaxed);
  return wanted > 0 ? wanted : omp_get_max_threads();
}

}  // namespace ctorch
