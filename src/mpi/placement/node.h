// The ranks of a communicator that share a machine, and its cores.
#pragma once
#include <string>

#include "core/subgroup.h"

namespace ftorch {

// Collective over `all`, made and destroyed.
class Node {
 public:
  explicit Node(const Group& all);

  int rank() const { return here_.rank(); }  // of the caller among those of this machine
  int size() const { return here_.size(); }
  int first() const { return first_; }  // the lowest rank of this machine, as the whole communicator counts
  int cores() const { return cores_; }  // that any of the ranks here may use
  int share() const { return share_; }  // of the caller, 1 or more
  std::string name() const;

 private:
  void count_cores(const Group& all);

  Subgroup here_;
  int first_, cores_ = 0, share_ = 1;
};

}  // namespace ftorch
