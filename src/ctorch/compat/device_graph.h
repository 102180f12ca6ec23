// Work of a device that is recorded once and done again as a whole, with the same memory.
#pragma once
#include <c10/core/Device.h>

#include <memory>

namespace ctorch::compat {

class DeviceGraph {
 public:
  DeviceGraph() = default;
  DeviceGraph(const DeviceGraph&) = delete;
  DeviceGraph& operator=(const DeviceGraph&) = delete;
  virtual ~DeviceGraph() = default;

  // What this thread queues between the two on its stream, which must not be the default one, is recorded and not done.
  virtual void begin() = 0;
  virtual void end() = 0;

  virtual void replay() = 0;  // on this thread's stream
};

bool has_graphs(c10::DeviceType type);
std::unique_ptr<DeviceGraph> new_graph(c10::DeviceType type);  // null where this PyTorch has none for these devices

}  // namespace ctorch::compat
