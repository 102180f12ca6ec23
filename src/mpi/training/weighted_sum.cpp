#include "training/weighted_sum.h"

namespace ftorch {

std::vector<double>& chunk_memory() {
  thread_local std::vector<double> memory(static_cast<size_t>(chunk) + 1);
  return memory;
}

}  // namespace ftorch
