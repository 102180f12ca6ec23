#include "model/graphs.h"

#include <c10/core/DeviceGuard.h>

#include <algorithm>
#include <map>
#include <utility>

#include "compat/device_graph.h"
#include "compat/device_guard.h"
#include "core/error.h"
#include "core/reclaim.h"

namespace ctorch {

// What is known of calls of one shape.
struct Graphs::Shape {
  int runs = 0;
  size_t in_vain = 0;  // captures since a graph was last of use
  bool refused = false;
};

struct Graphs::Graph {
  c10::Device device;
  std::vector<int64_t> call;  // what it was recorded for
  std::shared_ptr<Shape> shape;
  std::unique_ptr<compat::DeviceGraph> work;
  Results results;  // where it writes

  Graph(c10::Device where, std::vector<int64_t> what, std::shared_ptr<Shape> of)
      : device(where), call(std::move(what)), shape(std::move(of)), work(compat::new_graph(where.type())) {}

  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  // Whoever destroys it waits first: the device may be at it.
  ~Graph() {
    try {
      compat::synchronize(device);
    } catch (...) {  // the device has failed, and tells it elsewhere
      record_exception();
    }
  }
};

struct Graphs::Calls {
  uint32_t thread = 0;
  std::vector<std::shared_ptr<Graph>> graphs;  // the one that was used last comes last
  std::map<std::vector<int64_t>, std::shared_ptr<Shape>> shapes;

  std::shared_ptr<Graph> find(const std::vector<int64_t>& call) {
    const auto found = std::find_if(graphs.begin(), graphs.end(), [&](const auto& graph) { return graph->call == call; });
    if (found == graphs.end()) return nullptr;
    std::rotate(found, found + 1, graphs.end());
    return graphs.back();
  }

  std::shared_ptr<Shape> shape(std::vector<int64_t> sizes) {
    if (shapes.size() >= most_shapes && !shapes.contains(sizes)) shapes.clear();  // they can be learnt again
    auto& known = shapes[std::move(sizes)];
    if (!known) known = std::make_shared<Shape>();
    return known;
  }
};

namespace {

// What a graph depends on. The shapes come first, so that they can be had alone.
std::vector<int64_t> shapes_of(uint64_t version, std::span<const at::Tensor> inputs, const Results& results) {
  std::vector<int64_t> key{static_cast<int64_t>(version), results.want_names};
  for (const at::Tensor& input : inputs) {
    key.push_back(static_cast<int64_t>(input.scalar_type()));
    key.push_back(input.dim());
    key.push_back(2 * input.is_conj() + input.is_neg());
    key.insert(key.end(), input.sizes().begin(), input.sizes().end());
    key.insert(key.end(), input.strides().begin(), input.strides().end());
  }
  return key;
}

void add_places(std::vector<int64_t>& key, c10::Device device, std::span<const at::Tensor> inputs) {
  const c10::Stream stream = compat::current_stream(device);
  key.push_back(stream.device_index());
  key.push_back(static_cast<int64_t>(stream.id()));
  for (const at::Tensor& input : inputs) key.push_back(reinterpret_cast<int64_t>(input.const_data_ptr()));
}

// Two captures at once would be in each other's way.
std::mutex& one_capture() {
  static auto& mutex = *new std::mutex;
  return mutex;
}

}  // namespace

Graphs::Graphs() = default;
Graphs::~Graphs() = default;

void Graphs::switch_to(bool on) {
  on_.store(on, std::memory_order_relaxed);
  if (!on) forget();
}

void Graphs::forget() {
  std::vector<std::unique_ptr<Calls>> old;
  const std::lock_guard lock(mutex_);
  for (auto& calls : threads_) {
    old.push_back(std::make_unique<Calls>());
    std::swap(old.back()->graphs, calls->graphs);
    calls->shapes.clear();
  }
}

Graphs::Counts Graphs::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

Graphs::Calls& Graphs::calls_of(uint32_t thread) {
  for (const auto& calls : threads_)
    if (calls->thread == thread) return *calls;
  threads_.push_back(std::make_unique<Calls>());
  threads_.back()->thread = thread;
  return *threads_.back();
}

void Graphs::run(c10::Device device, uint64_t version, std::span<at::Tensor> inputs, Results& results, const Compute& compute) {
  const uint32_t thread = this_caller->number;
  if (thread == UINT32_MAX) return compute(inputs, results);  // one of more than can be told apart
  std::vector<int64_t> shapes = shapes_of(version, inputs, results);
  std::vector<int64_t> call = shapes;
  add_places(call, device, inputs);
  std::shared_ptr<Graph> graph;
  std::shared_ptr<Shape> shape;
  {
    const std::lock_guard lock(mutex_);
    Calls& mine = calls_of(thread);
    graph = mine.find(call);
    if (graph) {
      graph->shape->in_vain = 0;
      ++counts_.replays;
    } else {
      shape = mine.shape(std::move(shapes));
      if (shape->refused || shape->runs < warm_up_calls) {
        ++shape->runs;
        shape.reset();
      }
    }
  }
  if (!graph && shape) {
    graph = capture(std::make_shared<Graph>(device, std::move(call), shape), inputs, results.want_names, compute);
    if (graph) keep(thread, graph);
  }
  if (!graph) return compute(inputs, results);
  const c10::DeviceGuard here(device);
  graph->work->replay();
  results = graph->results;
}

std::shared_ptr<Graphs::Graph> Graphs::capture(std::shared_ptr<Graph> graph, std::span<at::Tensor> inputs, bool want_names,
                                               const Compute& compute) {
  const auto refuse = [&](std::string reason) {
    const std::lock_guard lock(mutex_);
    graph->shape->refused = true;
    ++counts_.refusals;
    counts_.reason = std::move(reason);
    return nullptr;
  };
  if (!graph->work) return refuse("this PyTorch records no graphs on " + graph->device.str());
  if (graph->shape->in_vain >= most_in_vain)
    return refuse("the inputs of each call lie elsewhere, and a graph reads what it has recorded");
  const std::lock_guard alone(one_capture());
  const c10::DeviceGuard here(graph->device);
  const compat::OtherStream stream(graph->device);
  std::vector<at::Tensor> given(inputs.begin(), inputs.end());
  graph->results.want_names = want_names;
  bool recording = false;
  try {
    graph->work->begin();
    recording = true;
    compute(given, graph->results);
    recording = false;
    graph->work->end();
    return graph;
  } catch (...) {
    record_exception();
  }
  std::string reason = last_error();
  try {
    if (recording) graph->work->end();
  } catch (...) {  // it was broken off
    record_exception();
  }
  return refuse(std::move(reason));
}

void Graphs::keep(uint32_t thread, const std::shared_ptr<Graph>& graph) {
  std::shared_ptr<Graph> oldest;  // goes when the lock has gone
  const std::lock_guard lock(mutex_);
  auto& graphs = calls_of(thread).graphs;
  ++counts_.captures;
  ++graph->shape->in_vain;
  graphs.push_back(graph);
  if (graphs.size() <= most_graphs) return;
  oldest = std::move(graphs.front());
  graphs.erase(graphs.begin());
}

}  // namespace ctorch
