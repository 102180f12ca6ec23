#include "host/environment.h"

#include <ATen/Parallel.h>
#include <omp.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>

#include "compat/warnings.h"
#include "core/error.h"
#include "host/ranks.h"

namespace ctorch {
namespace {

std::atomic<int> wanted_threads{0};

// Threads of a call where the library was not told: the host's. Where the host was not told either, OpenMP gives every process
// of a job all cores, and then they wait for each other; each takes its share.
int default_threads(int host) noexcept {
  static const int nobody_said = std::getenv("OMP_NUM_THREADS") ? 0 : omp_get_num_procs();
  return host != nobody_said ? host : std::min(host, share_of_cores());
}

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

}  // namespace

HostEnvironment::HostEnvironment() noexcept {
  compat::begin_quiet();
  threads_ = omp_get_max_threads();
  const bool first = initialise_thread();
  const int wanted = wanted_threads.load(std::memory_order_relaxed);
  const int inside = wanted > 0 ? wanted : default_threads(threads_);
  if (first || inside != threads_) omp_set_num_threads(inside);
}

HostEnvironment::~HostEnvironment() {
  if (omp_get_max_threads() != threads_) omp_set_num_threads(threads_);
  compat::end_quiet();
}

ThreadLimit::ThreadLimit(int32_t most) noexcept : before_(omp_get_max_threads()) {
  if (most > 0 && most < before_) omp_set_num_threads(most);
}

ThreadLimit::~ThreadLimit() {
  if (omp_get_max_threads() != before_) omp_set_num_threads(before_);
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
  return wanted > 0 ? wanted : default_threads(omp_get_max_threads());
}

}  // namespace ctorch
