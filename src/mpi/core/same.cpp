// Entry that compares a text across ranks. It is the shortest procedure with collective errors: imitate it.
#include <string>

#include "core/group.h"
#include "ctorch_mpi.h"

using namespace ftorch;

int32_t ctorch_mpi_same(int32_t comm, const char* text, int64_t length) {
  return guard([&] {
    const Group all = group_of(comm);
    const std::string mine(text, static_cast<size_t>(length)), first = all.of_first(mine);
    all.together([&] {
      if (mine != first) fail(CTORCH_ERROR_ARGUMENT, "'", mine, "' here, '", first, "' on rank 0");
    });
  });
}
