// Communicators of our own, for some of the ranks of a group.
#pragma once
#include "core/group.h"

namespace ftorch {

// Collective over `all`, made and destroyed. In it the ranks have the order that they have there.
class Subgroup {
 public:
  static Subgroup of_machine(const Group& all);                    // the ranks that share the caller's machine
  static Subgroup copy_of(const Group& all);                       // all of them, for messages that nobody else receives
  static Subgroup of_color(const Group& all, int color, int key);  // those of one color, in the order of the keys
  static Subgroup of_leaders(const Group& all, bool is_one);       // those that say so; of no use to the others

  Subgroup(Subgroup&& other) noexcept;
  Subgroup(const Subgroup&) = delete;
  Subgroup& operator=(const Subgroup&) = delete;
  Subgroup& operator=(Subgroup&&) = delete;
  ~Subgroup();

  MPI_Comm comm() const { return comm_; }
  int rank() const { return rank_; }
  int size() const { return size_; }
  bool leads() const { return rank_ == 0; }

 private:
  explicit Subgroup(MPI_Comm comm);

  MPI_Comm comm_;
  int rank_ = -1, size_ = 0;
};

}  // namespace ftorch
