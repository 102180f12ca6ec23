// Entries of pools, which programs know by numbers that are never used twice.
#include <map>
#include <memory>
#include <mutex>

#include "columns/pool.h"
#include "core/communicator.h"
#include "ctorch_mpi.h"

using namespace ftorch;

namespace {

class Pools {
 public:
  // Never destroyed: what a program has not deleted at its end belongs to an MPI that is no more.
  static Pools& all() {
    static auto* const pools = new Pools;
    return *pools;
  }

  int64_t add(std::shared_ptr<ColumnPool> pool) {
    const std::lock_guard lock(mutex_);
    pools_[++last_] = std::move(pool);
    return last_;
  }

  std::shared_ptr<ColumnPool> at(int64_t number) {
    need_running_mpi();
    const std::lock_guard lock(mutex_);
    const auto found = pools_.find(number);
    if (found == pools_.end())
      fail(CTORCH_ERROR_HANDLE, number == 0 ? "the pool has not been created" : "the pool has been deleted");
    return found->second;
  }

  void remove(int64_t number) {
    const std::lock_guard lock(mutex_);
    pools_.erase(number);
  }

 private:
  std::mutex mutex_;
  std::map<int64_t, std::shared_ptr<ColumnPool>> pools_;
  int64_t last_ = 0;
};

}  // namespace

int32_t ctorch_mpi_pool_create(int32_t comm, const ctorch_model* model, int32_t owner, double local_share,
                               int64_t largest_batch, int64_t* pool) {
  return guard([&] {
    const Group all = group_of(comm);
    all.together([&] {
      if (*pool != 0) fail(CTORCH_ERROR_ARGUMENT, "argument 'pool': it is one already; delete it first");
    });
    *pool = Pools::all().add(std::make_shared<ColumnPool>(all, model, PoolOptions{owner, local_share, largest_batch}));
  });
}

int32_t ctorch_mpi_pool_start(int64_t pool, const ctorch_array inputs[], int32_t n_inputs, const ctorch_array outputs[],
                              int32_t n_outputs, int32_t convert) {
  return guard([&] { Pools::all().at(pool)->start(inputs, n_inputs, outputs, n_outputs, convert); });
}

int32_t ctorch_mpi_pool_finish(int64_t pool) {
  return guard([&] { Pools::all().at(pool)->finish(); });
}

int32_t ctorch_mpi_pool_serve(int64_t pool) {
  return guard([&] { Pools::all().at(pool)->serve(); });
}

int32_t ctorch_mpi_pool_stats(int64_t pool, int32_t* is_owner, int64_t* calls, int64_t* columns, int64_t* bytes,
                              double* waiting, double* network) {
  return guard([&] {
    const auto found = Pools::all().at(pool);
    const PoolStats& stats = found->stats();
    *is_owner = found->is_owner();
    *calls = stats.calls;
    *columns = stats.columns;
    *bytes = stats.bytes;
    *waiting = stats.waiting;
    *network = stats.network;
  });
}

int32_t ctorch_mpi_pool_delete(int64_t* pool) {
  return guard([&] {
    if (*pool == 0) return;
    const auto found = Pools::all().at(*pool);
    found->end();
    // Of a broken one the communicators are given up with it: MPI may still write into its memory.
    if (!found->is_broken()) Pools::all().remove(*pool);
    *pool = 0;
  });
}
