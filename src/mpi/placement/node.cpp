#include "placement/node.h"

#include <sched.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

namespace ftorch {
namespace {

constexpr int most_cores = 8192;  // Linux's own limit

// 1 for each core that this process may run on.
std::vector<int> usable_cores() {
  const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(CPU_ALLOC(most_cores), [](cpu_set_t* old) { CPU_FREE(old); });
  const size_t bytes = CPU_ALLOC_SIZE(most_cores);
  if (!set || ::sched_getaffinity(0, bytes, set.get()) != 0)
    fail(CTORCH_ERROR_INTERNAL, "the cores of this process cannot be asked for: ", std::strerror(errno));
  std::vector<int> cores(most_cores);
  for (int i = 0; i < most_cores; ++i) cores[static_cast<size_t>(i)] = CPU_ISSET_S(static_cast<size_t>(i), bytes, set.get());
  return cores;
}

}  // namespace

Node::Node(const Group& all) : here_(Subgroup::of_machine(all)), first_(all.rank()) {
  check(MPI_Bcast(&first_, 1, MPI_INT, 0, here_.comm()), "MPI_Bcast");
  count_cores(all);
}

// Bound or not, alone on a core or several: a core is divided among those who may use it, and a rank has the sum of its parts.
void Node::count_cores(const Group& all) {
  std::vector<int> mine, users;
  all.together([&] {
    mine = usable_cores();
    users = mine;
  });
  check(MPI_Allreduce(MPI_IN_PLACE, users.data(), most_cores, MPI_INT, MPI_SUM, here_.comm()), "MPI_Allreduce");
  double parts = 0;
  for (size_t i = 0; i < users.size(); ++i) {
    if (users[i]) ++cores_;
    if (mine[i]) parts += 1.0 / users[i];
  }
  share_ = std::max(1, static_cast<int>(parts + 1e-6));  // thirds add up to a little less than one
}

std::string Node::name() const {
  std::array<char, MPI_MAX_PROCESSOR_NAME + 1> words{};
  int length = 0;
  check(MPI_Get_processor_name(words.data(), &length), "MPI_Get_processor_name");
  return {words.data(), static_cast<size_t>(length)};
}

}  // namespace ftorch
