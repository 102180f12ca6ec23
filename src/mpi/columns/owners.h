// Which rank computes for which.
#pragma once
#include <cstdint>
#include <vector>

#include "core/group.h"

namespace ftorch {

constexpr int32_t owner_by_default = -1;

// What a rank is, seen from all.
struct Place {
  int machine = 0;  // the lowest rank of it
  int owns = 0;
};

// The owner of each rank; owners have themselves. Neighbours on a machine share one of their machine's, as evenly as may be;
// where it has none, they share all there are. Pure arithmetic, for any number of ranks.
std::vector<int> owners_of(const std::vector<Place>& ranks);

// Collective: the places of all ranks. `wanted` is 1 or 0 where the program says it, the same kind of answer on all ranks:
// by default the lowest rank of each device owns, and of each machine without one.
std::vector<Place> places_of(const Group& all, int32_t wanted);

}  // namespace ftorch
