// Whether MPI takes the memory of devices.
#pragma once
#include <cstdint>

namespace ftorch {

// What the variable FTORCH_MPI_DEVICE_MEMORY says, yes or no; where it is not set, what MPI says of itself. An address of a
// device that MPI takes for one of the host's ends the program, so where nobody says anything, it is no.
bool mpi_takes_memory_of(int32_t device_type);

}  // namespace ftorch
