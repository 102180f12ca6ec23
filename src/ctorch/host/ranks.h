// How many processes of one parallel job share the machine, as its launcher tells them.
#pragma once
#include <cstdint>

namespace ctorch {

// Threads that a process can have when nobody has said how many: all cores for one process, a share of them for one of several.
// Unless somebody has counted, it is read once from variables that mpirun, mpiexec and srun set.
int share_of_cores();

// The same from somebody who has counted them; 0 returns to what the launcher tells.
void set_share_of_cores(int32_t cores);

}  // namespace ctorch
