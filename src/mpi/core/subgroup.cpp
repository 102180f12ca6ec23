#include "core/subgroup.h"

#include <utility>

namespace ftorch {

Subgroup Subgroup::of_machine(const Group& all) {
  MPI_Comm comm = MPI_COMM_NULL;
  check(MPI_Comm_split_type(all.comm(), MPI_COMM_TYPE_SHARED, all.rank(), MPI_INFO_NULL, &comm), "MPI_Comm_split_type");
  return Subgroup(comm);
}

Subgroup Subgroup::copy_of(const Group& all) {
  MPI_Comm comm = MPI_COMM_NULL;
  check(MPI_Comm_dup(all.comm(), &comm), "MPI_Comm_dup");
  check(MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  return Subgroup(comm);
}

Subgroup Subgroup::of_color(const Group& all, int color, int key) {
  MPI_Comm comm = MPI_COMM_NULL;
  check(MPI_Comm_split(all.comm(), color, key, &comm), "MPI_Comm_split");
  return Subgroup(comm);
}

Subgroup Subgroup::of_leaders(const Group& all, bool is_one) {
  MPI_Comm comm = MPI_COMM_NULL;
  check(MPI_Comm_split(all.comm(), is_one ? 0 : MPI_UNDEFINED, all.rank(), &comm), "MPI_Comm_split");
  return Subgroup(comm);
}

Subgroup::Subgroup(MPI_Comm comm) : comm_(comm) {
  if (comm_ == MPI_COMM_NULL) return;
  check(MPI_Comm_rank(comm_, &rank_), "MPI_Comm_rank");
  check(MPI_Comm_size(comm_, &size_), "MPI_Comm_size");
}

Subgroup::Subgroup(Subgroup&& other) noexcept
    : comm_(std::exchange(other.comm_, MPI_COMM_NULL)), rank_(other.rank_), size_(other.size_) {}

Subgroup::~Subgroup() {
  if (comm_ != MPI_COMM_NULL) MPI_Comm_free(&comm_);
}

}  // namespace ftorch
