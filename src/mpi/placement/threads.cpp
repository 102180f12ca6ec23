// Entry that divides the cores of a machine among its ranks.
#include "core/group.h"
#include "ctorch_mpi.h"
#include "placement/node.h"

using namespace ftorch;

int32_t ctorch_mpi_share_cores(int32_t comm, int32_t* cores) {
  return guard([&] {
    const Group all = group_of(comm);
    const Node node(all);
    all.together([&] { need(ctorch_runtime_set_core_share(node.share())); });
    *cores = node.share();
  });
}
