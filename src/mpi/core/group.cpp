#include "core/group.h"

#include <algorithm>
#include <array>
#include <memory>

#include "core/communicator.h"
#include "core/waiting.h"

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
  auto failed = std::make_unique<int>(first_failed(mine));
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Iallreduce(MPI_IN_PLACE, failed.get(), 1, MPI_INT, MPI_MIN, comm_, &request), "MPI_Iallreduce");
  wait_for_all(request, failed);
  throw_if_failed(*failed, mine);
}

int Group::first_failed(const Outcome& mine) const { return mine.status == CTORCH_SUCCESS ? size_ : rank_; }

void Group::throw_if_failed(int failed, const Outcome& mine) const {
  if (failed == size_) return;
  const std::string status = from(failed, std::to_string(mine.status));
  throw AgreedError(failed, std::stoi(status), from(failed, mine.message));
}

std::string Group::of_first(const std::string& text) const { return from(0, text); }

std::string Group::from(int root, const std::string& text) const {
  constexpr size_t most = 1 << 16;  // nobody reads more, and it need not be sent in pieces
  auto length = std::make_unique<int32_t>(static_cast<int32_t>(std::min(text.size(), most)));
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Ibcast(length.get(), 1, MPI_INT32_T, root, comm_, &request), "MPI_Ibcast");
  wait_for_all(request, length);
  auto copy = std::make_unique<std::string>(text.substr(0, static_cast<size_t>(*length)));
  copy->resize(static_cast<size_t>(*length));
  check(MPI_Ibcast(copy->data(), *length, MPI_CHAR, root, comm_, &request), "MPI_Ibcast");
  wait_for_all(request, copy);
  return std::move(*copy);
}

}  // namespace ftorch
