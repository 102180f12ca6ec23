// The ranks of a communicator, and how they fail together.
#pragma once
#include <cstdint>
#include <string>

#include "core/error.h"
#include "core/header.h"

namespace ftorch {

// Throws what MPI says about one of its calls, where the program has told it not to end the job by itself.
void check(int code, const char* call);

// Every procedure over a communicator makes a Group of it and then takes turns: what a rank does alone, and what may fail,
// stands in `together`; between two of those all ranks call MPI.
//
//   const Group all = group_of(comm);
//   all.together([&] { read(file); });      // one rank finds no file: all throw its error here, and nobody waits below
//   check(MPI_Bcast(...), "MPI_Bcast");
class Group {
 public:
  explicit Group(MPI_Comm comm);

  MPI_Comm comm() const { return comm_; }
  int rank() const { return rank_; }
  int size() const { return size_; }

  // Runs this rank's part. If it fails on any rank, all throw the error of the lowest. Nothing in it may wait for other ranks
  // of the group.
  template <class Part>
  void together(Part&& part) const {
    Outcome mine;
    try {
      part();
    } catch (...) {
      mine = outcome_in_flight();
    }
    agree(mine);
  }

  // Throws the outcome of the lowest rank that has failed, on all.
  void agree(const Outcome& mine) const;

  // The two halves of `agree`, for ranks that do something else meanwhile: the caller, or size() if it has not failed; and what
  // to do with the lowest of these numbers.
  int first_failed(const Outcome& mine) const;
  void throw_if_failed(int failed, const Outcome& mine) const;

  // The text of one rank, everywhere.
  std::string of_first(const std::string& text) const;
  std::string from(int root, const std::string& text) const;

 private:
  MPI_Comm comm_;
  int rank_ = 0, size_ = 0;
};

// The group that a program handed over. A communicator that cannot be used is an Error of this rank: there is nobody to tell.
Group group_of(int32_t comm);

}  // namespace ftorch
