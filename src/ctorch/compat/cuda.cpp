#include "compat/cuda.h"

#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>

namespace ctorch::compat {
namespace {

class CudaGraph final : public DeviceGraph {
 public:
  // What other threads do meanwhile is no part of it, and they may do what they want.
  void begin() override { graph_.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal); }
  void end() override { graph_.capture_end(); }
  void replay() override { graph_.replay(); }

 private:
  at::cuda::CUDAGraph graph_;
};

[[maybe_unused]] const bool present = [] {
  cuda.new_graph = [] { return std::unique_ptr<DeviceGraph>(std::make_unique<CudaGraph>()); };
  cuda.limit_memory = [](double part, c10::DeviceIndex device) {
    c10::cuda::CUDACachingAllocator::setMemoryFraction(part, device);
  };
  return true;
}();

}  // namespace
}  // namespace ctorch::compat
