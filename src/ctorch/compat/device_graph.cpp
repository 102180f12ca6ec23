#include "compat/device_graph.h"

#include "compat/cuda.h"
// From PyTorch 2.12 on; CUDA is not among the devices that have registered there.
#if __has_include(<ATen/core/GraphImplInterface.h>)
#include <ATen/core/GraphImplInterface.h>
#define CTORCH_REGISTERED_GRAPHS
#endif

namespace ctorch::compat {

#ifdef CTORCH_REGISTERED_GRAPHS
namespace {

class RegisteredGraph final : public DeviceGraph {
 public:
  explicit RegisteredGraph(c10::DeviceType type) : graph_(at::create_graph_impl(type)) {}
  void begin() override { graph_->capture_begin(); }
  void end() override { graph_->capture_end(); }
  void replay() override { graph_->replay(); }

 private:
  std::unique_ptr<at::GraphImplInterface> graph_;
};

}  // namespace
#endif

bool has_graphs(c10::DeviceType type) {
  if (type == c10::kCUDA && cuda.new_graph) return true;
#ifdef CTORCH_REGISTERED_GRAPHS
  return at::has_graph_impl(type);
#else
  return false;
#endif
}

std::unique_ptr<DeviceGraph> new_graph(c10::DeviceType type) {
  if (!has_graphs(type)) return nullptr;
  if (type == c10::kCUDA && cuda.new_graph) return cuda.new_graph();
#ifdef CTORCH_REGISTERED_GRAPHS
  return std::make_unique<RegisteredGraph>(type);
#else
  return nullptr;
#endif
}

}  // namespace ctorch::compat
