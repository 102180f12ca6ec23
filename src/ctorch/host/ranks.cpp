#include "host/ranks.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <string_view>

#include "core/error.h"

namespace ctorch {
namespace {

std::atomic<int> counted_share{0};

// Each with the number of processes on this node, or a text that begins with it ("4(x2)").
constexpr const char* counts[] = {
    "OMPI_COMM_WORLD_LOCAL_SIZE",  // Open MPI
    "MPI_LOCALNRANKS",             // MPICH, Intel MPI
    "MV2_COMM_WORLD_LOCAL_SIZE",   // MVAPICH
    "PALS_LOCAL_SIZE",             // Cray
    "SLURM_STEP_TASKS_PER_NODE",   // srun
};

int processes_here() {
  for (const char* name : counts) {
    const char* value = std::getenv(name);
    if (!value) continue;
    const std::string_view text(value);
    int number = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), number).ec == std::errc() && number > 0) return number;
  }
  return 1;
}

}  // namespace

int share_of_cores() {
  static const int share = [] {
    const auto cores = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
    return std::max(1, cores / processes_here());
  }();
  const int counted = counted_share.load(std::memory_order_relaxed);
  return counted > 0 ? counted : share;
}

void set_share_of_cores(int32_t cores) {
  if (cores < 0) fail(CTORCH_ERROR_ARGUMENT, "argument 'cores': expected 0 (as the launcher tells) or more, got ", cores);
  counted_share.store(cores, std::memory_order_relaxed);
}

}  // namespace ctorch
