#include "core/waiting.h"

#include <sched.h>

#include <atomic>
#include <chrono>
#include <cmath>

#include "core/error.h"
#include "core/group.h"
#include "ctorch_mpi.h"

namespace ftorch {
namespace {

constexpr double half_an_hour = 1800;
std::atomic<double> patience{half_an_hour};

// So often without a look at the clock, and so often before others get the core.
constexpr int per_look = 256, eager_looks = 64;

}  // namespace

void set_patience(double seconds) { patience = seconds; }

bool wait_for(MPI_Request* requests, int count) {
  using Clock = std::chrono::steady_clock;
  const double limit = patience;
  Clock::time_point start;
  for (int64_t look = 0;; ++look) {
    for (int i = 0; i < per_look; ++i) {
      int done = 0;
      check(MPI_Testall(count, requests, &done, MPI_STATUSES_IGNORE), "MPI_Testall");
      if (done) return true;
      if (look > eager_looks) ::sched_yield();
    }
    if (look == 0) start = Clock::now();
    if (limit > 0 && std::chrono::duration<double>(Clock::now() - start).count() > limit) return false;
  }
}

void fail_waiting() {
  fail(CTORCH_ERROR_INTERNAL, "waited ", static_cast<double>(patience),
       " s for other ranks: every rank of the communicator must make ",
       "this call, in the same order. The communicator is of no use any more; torch_mpi_set_timeout sets the time");
}

}  // namespace ftorch

int32_t ctorch_mpi_set_timeout(double seconds) {
  return ftorch::guard([&] {
    if (!(std::isfinite(seconds) && seconds >= 0))
      ftorch::fail(CTORCH_ERROR_ARGUMENT, "argument 'seconds': expected a positive number, or 0 to wait for ever, got ",
                   seconds);
    ftorch::set_patience(seconds);
  });
}
