#include "columns/owners.h"

#include <algorithm>
#include <map>

#include "placement/devices.h"
#include "placement/node.h"

namespace ftorch {
namespace {

// Gives each of these ranks one of the owners, neighbours the same.
void divide(const std::vector<int>& ranks, const std::vector<int>& owners, std::vector<int>& owner_of) {
  for (size_t i = 0; i < ranks.size(); ++i) owner_of[static_cast<size_t>(ranks[i])] = owners[i * owners.size() / ranks.size()];
}

}  // namespace

std::vector<int> owners_of(const std::vector<Place>& ranks) {
  struct Machine {
    std::vector<int> owners, others;
  };
  std::map<int, Machine> machines;
  Machine all;
  std::vector<int> owner_of(ranks.size());
  for (size_t i = 0; i < ranks.size(); ++i) {
    const int rank = owner_of[i] = static_cast<int>(i);
    Machine& mine = machines[ranks[i].machine];
    (ranks[i].owns ? mine.owners : mine.others).push_back(rank);
    if (ranks[i].owns) all.owners.push_back(rank);
  }
  for (const auto& [first, machine] : machines) {
    if (!machine.owners.empty())
      divide(machine.others, machine.owners, owner_of);
    else
      all.others.insert(all.others.end(), machine.others.begin(), machine.others.end());
  }
  std::sort(all.others.begin(), all.others.end());
  divide(all.others, all.owners, owner_of);
  return owner_of;
}

std::vector<Place> places_of(const Group& all, int32_t wanted) {
  DeviceKind kind;
  all.together([&] { kind = devices_of(-1); });
  const Node node(all);
  // The first of those that share a device, and of those that have none.
  const int rank = node.rank(), device = device_of(rank, node.size(), kind.count);
  const bool is_first = rank == 0 || (kind.count > 0 && device != device_of(rank - 1, node.size(), kind.count));
  struct Said {
    int machine, wanted, first;
  };
  const Said mine{node.first(), wanted, is_first};
  std::vector<Said> said(static_cast<size_t>(all.size()));
  check(MPI_Allgather(&mine, 3, MPI_INT, said.data(), 3, MPI_INT, all.comm()), "MPI_Allgather");
  const bool by_default = std::all_of(said.begin(), said.end(), [](const Said& one) { return one.wanted == owner_by_default; });
  std::vector<Place> places;
  for (const Said& one : said) places.push_back({one.machine, by_default ? one.first : one.wanted == 1});
  all.together([&] {
    if (std::none_of(places.begin(), places.end(), [](const Place& place) { return place.owns; }))
      fail(CTORCH_ERROR_ARGUMENT, "argument 'owner' is false on all ranks: nobody would compute");
  });
  return places;
}

}  // namespace ftorch
