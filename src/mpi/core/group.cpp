#include "core/group.h"

#include <algorithm>
#include <array>

#include "core/communicator.h"

namespace ftorch {

void check(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> words{};
  int length = 0;
  MPI_Error_string(code, words.data(), &length);
  fail(CTORCH_ERROR_INTERNAL, call, " failed: ", words.data());
}

Group group_of(int32_t comm) { return Group(usable_communicator(comm)); }

Group::Group(MPI_Comm comm) : comm_(comm) {
  check(MPI_Comm_rank(comm_, &rank_), "MPI_Comm_rank");
  check(MPI_Comm_size(comm_, &size_), "MPI_Comm_size");
}

void Group::agree(const Outcome& mine) const {
  int failed = mine.status == CTORCH_SUCCESS ? size_ : rank_;
  check(MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_MIN, comm_), "MPI_Allreduce");
  if (failed == size_) return;
  int32_t status = mine.status;
  check(MPI_Bcast(&status, 1, MPI_INT32_T, failed, comm_), "MPI_Bcast");
  throw AgreedError(failed, status, from(failed, mine.message));
}

std::string Group::of_first(const std::string& text) const { return from(0, text); }

std::string Group::from(int root, const std::string& text) const {
  constexpr size_t most = 1 << 16;  // nobody reads more, and it need not be sent in pieces
  auto length = static_cast<int32_t>(std::min(text.size(), most));
  check(MPI_Bcast(&length, 1, MPI_INT32_T, root, comm_), "MPI_Bcast");
  std::string copy = text.substr(0, static_cast<size_t>(length));
  copy.resize(static_cast<size_t>(length));
  check(MPI_Bcast(copy.data(), length, MPI_CHAR, root, comm_), "MPI_Bcast");
  return copy;
}

}  // namespace ftorch
