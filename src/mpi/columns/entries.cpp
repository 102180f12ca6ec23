// Entries of pools.
#include <memory>

#include "columns/pool.h"
#include "core/numbered.h"
#include "ctorch_mpi.h"

using namespace ftorch;

namespace {

// Never destroyed: what a program has not deleted at its end belongs to an MPI that is no more.
Numbered<ColumnPool>& pools() {
  static auto* const all = new Numbered<ColumnPool>("pool");
  return *all;
}

}  // namespace

int32_t ctorch_mpi_pool_create(int32_t comm, const ctorch_model* model, int32_t owner, double local_share,
                               int64_t largest_batch, int64_t* pool) {
  return guard([&] {
    const Group all = group_of(comm);
    all.together([&] {
      if (*pool != 0) fail(CTORCH_ERROR_ARGUMENT, "argument 'pool': it is one already; delete it first");
    });
    *pool = pools().add(std::make_shared<ColumnPool>(all, model, PoolOptions{owner, local_share, largest_batch}));
  });
}

int32_t ctorch_mpi_pool_start(int64_t pool, const ctorch_array inputs[], int32_t n_inputs, const ctorch_array outputs[],
                              int32_t n_outputs, int32_t convert) {
  return guard([&] { pools().at(pool)->start(inputs, n_inputs, outputs, n_outputs, convert); });
}

int32_t ctorch_mpi_pool_finish(int64_t pool) {
  return guard([&] { pools().at(pool)->finish(); });
}

int32_t ctorch_mpi_pool_serve(int64_t pool) {
  return guard([&] { pools().at(pool)->serve(); });
}

int32_t ctorch_mpi_pool_stats(int64_t pool, int32_t* is_owner, int64_t* calls, int64_t* columns, int64_t* bytes,
                              double* waiting, double* network) {
  return guard([&] {
    const auto found = pools().at(pool);
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
    const auto found = pools().at(*pool);
    found->end();
    // Of a broken one the communicators are given up with it: MPI may still write into its memory.
    if (!found->is_broken()) pools().remove(*pool);
    *pool = 0;
  });
}
