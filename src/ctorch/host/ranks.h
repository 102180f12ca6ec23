// How many processes of one parallel job share the machine, as its launcher tells them.
#pragma once

namespace ctorch {

// Threads that a process can have when nobody has said how many: all cores for one process, a share of them for one of several.
// Read once, from variables that mpirun, mpiexec and srun set.
int share_of_cores();

}  // namespace ctorch
