// Communicators as programs hand them over.
#pragma once
#include <cstdint>

#include "core/header.h"

namespace ftorch {

// Throws where MPI would end the job: it is not running, or this thread may not call it.
void need_running_mpi();

// Whether this thread is one that the program has promised to call MPI from.
bool may_call_mpi();

// The communicator of a Fortran integer. Throws in words where MPI would end the job without any: MPI not started or ended
// already, the wrong thread, no communicator, one between two groups, one that was freed.
MPI_Comm usable_communicator(int32_t comm);

}  // namespace ftorch
