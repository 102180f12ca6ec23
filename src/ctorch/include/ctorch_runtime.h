/**
 * @file ctorch_runtime.h
 * @brief The library in its process: errors, versions, live handles, threads, subnormal numbers, seeds.
 */
#ifndef CTORCH_RUNTIME_H
#define CTORCH_RUNTIME_H

#include <stdint.h>

#include "ctorch_linkage.h"
#include "ctorch_types.h"

CTORCH_BEGIN

/** Message of the last failed call on this thread, empty if there was none. */
int32_t ctorch_last_error(const char **text, int64_t *length);

/** Version of this library. */
int32_t ctorch_runtime_version(const char **text, int64_t *length);

/** Version of the libtorch in use. */
int32_t ctorch_runtime_torch_version(const char **text, int64_t *length);

/** Number of live handles of one kind (CTORCH_HANDLE_*), over all threads. */
int32_t ctorch_live_handles(int32_t kind, int64_t *count);

/** Sets how many threads one PyTorch operation may use; 0 returns to the default, the host's own OpenMP count. */
int32_t ctorch_runtime_set_threads(int32_t count);

/** Gets how many threads an operation called from this thread uses. */
int32_t ctorch_runtime_get_threads(int32_t *count);

/**
 * Tells how many cores this process has for itself where it shares the machine with others of its job; who has counted them
 * (`ftorch_mpi`) says so. It holds where neither the program nor OMP_NUM_THREADS says how many threads there are. 0 returns to
 * what the launcher's environment tells.
 */
int32_t ctorch_runtime_set_core_share(int32_t cores);

/**
 * Whether calls flush subnormal numbers to zero, on all their threads and whatever a model's contract says: 1 they do, 0 they
 * do not, -1 (the default) as the contract says, and where it is silent, as the calling thread does.
 */
int32_t ctorch_runtime_set_flush_denormals(int32_t mode);

/** Seeds PyTorch's random generators on all devices. */
int32_t ctorch_runtime_seed(int64_t seed);

CTORCH_END

#endif
