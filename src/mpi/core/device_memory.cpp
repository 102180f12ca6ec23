#include "core/device_memory.h"

#include <ctorch_types.h>

#include <cstdlib>
#include <string>

#include "core/error.h"
#include "core/header.h"

#if __has_include(<mpi-ext.h>)
#include <mpi-ext.h>
#endif

namespace ftorch {
namespace {

#ifdef MPIX_GPU_SUPPORT_CUDA
bool says_so(int kind) {
  int answer = 0;
  return MPIX_GPU_query_support(kind, &answer) == MPI_SUCCESS && answer != 0;
}
#endif

// A device of AMD's is a CUDA device in PyTorch.
bool mpi_says_so(int32_t device_type) {
#ifdef MPIX_GPU_SUPPORT_CUDA
  if (device_type == CTORCH_DEVICE_CUDA) return says_so(MPIX_GPU_SUPPORT_CUDA) || says_so(MPIX_GPU_SUPPORT_HIP);
  if (device_type == CTORCH_DEVICE_XPU) return says_so(MPIX_GPU_SUPPORT_ZE);
#else
#ifdef MPIX_CUDA_AWARE_SUPPORT
  if (device_type == CTORCH_DEVICE_CUDA && MPIX_Query_cuda_support()) return true;
#endif
#ifdef MPIX_ROCM_AWARE_SUPPORT
  if (device_type == CTORCH_DEVICE_CUDA && MPIX_Query_rocm_support()) return true;
#endif
#endif
  return false;
}

}  // namespace

bool mpi_takes_memory_of(int32_t device_type) {
  const char* const words = std::getenv("FTORCH_MPI_DEVICE_MEMORY");
  if (!words || !*words) return mpi_says_so(device_type);
  if (std::string(words) == "yes") return true;
  if (std::string(words) == "no") return false;
  fail(CTORCH_ERROR_ARGUMENT, "variable FTORCH_MPI_DEVICE_MEMORY: expected yes or no, got '", words, "'");
}

}  // namespace ftorch
