// Calls of fixed shapes as graphs: the work of one is recorded, and later calls do it again as a whole, which costs the host
// one launch instead of one for each operation.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "contract/backend.h"

namespace ctorch {

// A graph reads and writes where the recorded call did. So each thread and stream has its own, and there is one for each set of
// shapes and addresses, the latest few of which are kept. The first calls of new shapes run as ever: PyTorch prepares itself in
// them, and not all of what it does there can be recorded.
class Graphs {
 public:
  using Compute = std::function<void(std::span<at::Tensor> inputs, Results& results)>;
  struct Counts {
    int64_t captures = 0, replays = 0, refusals = 0;
    std::string reason;  // of the last refusal
  };

  static constexpr int warm_up_calls = 2;
  static constexpr size_t most_graphs = 8;  // of a thread

  Graphs();
  ~Graphs();
  Graphs(const Graphs&) = delete;
  Graphs& operator=(const Graphs&) = delete;

  void switch_to(bool on);
  bool on() const { return on_.load(std::memory_order_relaxed); }

  // Computes by a graph if it can, else by `compute`. `version` is that of the weights. In a `guard`.
  void run(c10::Device device, uint64_t version, std::span<at::Tensor> inputs, Results& results, const Compute& compute);

  void forget();  // what is recorded, since the model has changed
  Counts counts() const;

 private:
  struct Shape;
  struct Graph;
  struct Calls;  // of one thread
  static constexpr size_t most_shapes = 64, most_in_vain = 2 * most_graphs;

  Calls& calls_of(uint32_t thread);  // under the lock
  // Null, noting why, if the call cannot be recorded.
  std::shared_ptr<Graph> capture(std::shared_ptr<Graph> graph, std::span<at::Tensor> inputs, bool want_names,
                                 const Compute& compute);
  void keep(uint32_t thread, const std::shared_ptr<Graph>& graph);

  std::atomic<bool> on_{false};
  mutable std::mutex mutex_;  // held for looking up, never while computing
  std::vector<std::unique_ptr<Calls>> threads_;
  Counts counts_;
};

}  // namespace ctorch
