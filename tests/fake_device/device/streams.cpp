#include "streams.h"

#include <array>
#include <atomic>
#include <mutex>
#include <vector>

#include "graphs.h"
#include "memory.h"

namespace fake {
namespace {

std::recursive_mutex mutex;  // work may wait for other streams
std::atomic<int64_t> n_waits{0}, n_launches{0};

std::vector<Queue*>& queues() {
  static auto& all = *new std::vector<Queue*>{new Queue(0), new Queue(1)};  // first the default ones
  return all;
}
static_assert(n_devices == 2);

thread_local std::array<c10::StreamId, n_devices> current{};

}  // namespace

void Queue::add(std::function<void()> work) {
  if (recording() && this == &current_queue(device_)) return record(std::move(work));
  const std::lock_guard lock(mutex);
  work_.push_back(std::move(work));
}

void Queue::finish(int64_t position) {
  refuse_while_recording("waiting for a stream");
  const std::lock_guard lock(mutex);
  while (done_ < position && !work_.empty()) {
    const std::function<void()> next = std::move(work_.front());
    work_.pop_front();
    ++done_;
    next();
  }
}

int64_t Queue::position() const {
  const std::lock_guard lock(mutex);
  return done_ + static_cast<int64_t>(work_.size());
}

bool Queue::idle() const {
  const std::lock_guard lock(mutex);
  return work_.empty();
}

bool Queue::has_done(int64_t position) const {
  const std::lock_guard lock(mutex);
  return done_ >= position;
}

Queue& queue_of(const c10::Stream& stream) {
  if (stream.id()) return *reinterpret_cast<Queue*>(stream.id());
  return *queues()[static_cast<size_t>(stream.device_index())];
}

c10::Stream current_stream(c10::Device device) {
  const auto index = device.index() < 0 ? current_device() : device.index();
  return c10::Stream(c10::Stream::UNSAFE, c10::Device(type, index), current[static_cast<size_t>(index)]);
}

Queue& current_queue(c10::DeviceIndex device) { return queue_of(current_stream(c10::Device(type, device))); }

c10::Stream exchange_stream(c10::Stream stream) {
  const c10::Stream before = current_stream(stream.device());
  current[static_cast<size_t>(before.device_index())] = stream.id();
  return before;
}

Queue* make_queue(c10::DeviceIndex device) {
  const std::lock_guard lock(mutex);
  queues().push_back(new Queue(device));
  return queues().back();
}

Queue* pooled_queue(c10::DeviceIndex device) {
  static std::array<Queue*, n_devices> pool{make_queue(0), make_queue(1)};
  return pool[static_cast<size_t>(device)];
}

void finish_device(c10::DeviceIndex device) {
  const std::lock_guard lock(mutex);
  const std::vector<Queue*> all = queues();
  for (Queue* queue : all)
    if (queue->device() == device) queue->finish();
}

void order(Queue& first, Queue& then) {
  if (&first == &then) return;
  then.add([&first, position = first.position()] { first.finish(position); });
}

int64_t launches() { return n_launches; }
void count_launch() { ++n_launches; }
int64_t waits() { return n_waits; }
void count_wait() { ++n_waits; }

}  // namespace fake
