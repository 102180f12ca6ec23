// Waiting for other ranks, for a time that the program sets: one that does not call must not leave the others waiting for ever.
#pragma once
#include <memory>
#include <utility>

#include "core/header.h"

namespace ftorch {

// Seconds; 0: as long as it takes.
void set_patience(double seconds);

// Returns when all requests are complete; false if that takes longer than the patience. The requests are then as they were.
bool wait_for(MPI_Request* requests, int count);

// Throws the Error of a rank that waited in vain.
[[noreturn]] void fail_waiting();

// Waits for an operation of all ranks on memory of our own. If somebody never comes, MPI may write there at any later time: so
// the memory is given up.
template <class Memory>
void wait_for_all(MPI_Request request, std::unique_ptr<Memory>& memory) {
  if (wait_for(&request, 1)) return;
  static_cast<void>(memory.release());
  fail_waiting();
}

}  // namespace ftorch
