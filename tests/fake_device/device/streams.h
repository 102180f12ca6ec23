// Streams whose work waits: what is queued runs when somebody waits for it, and not a moment before. A program that does not
// wait where it must then reads wrong numbers in each run, not in one of a thousand.
#pragma once
#include <c10/core/Stream.h>

#include <cstdint>
#include <deque>
#include <functional>

namespace fake {

class Queue {
 public:
  explicit Queue(c10::DeviceIndex device) : device_(device) {}
  c10::DeviceIndex device() const { return device_; }

  void add(std::function<void()> work);
  void finish() { finish(position()); }
  void finish(int64_t position);  // all work that was queued before it
  int64_t position() const;       // of the next work
  bool idle() const;
  bool has_done(int64_t position) const;

 private:
  c10::DeviceIndex device_;
  std::deque<std::function<void()>> work_;
  int64_t done_ = 0;
};

// The streams of PyTorch: the default one of a device has the number 0, any other the address of its queue.
Queue& queue_of(const c10::Stream& stream);
Queue& current_queue(c10::DeviceIndex device);  // of the calling thread
c10::Stream current_stream(c10::Device device);
c10::Stream exchange_stream(c10::Stream stream);
Queue* make_queue(c10::DeviceIndex device);    // lives as long as the process
Queue* pooled_queue(c10::DeviceIndex device);  // PyTorch's own beside the default one
void finish_device(c10::DeviceIndex device);

// One queue goes on only after what another one holds now.
void order(Queue& first, Queue& then);

int64_t launches();  // how often the host has queued a kernel, or a whole graph
void count_launch();
int64_t waits();  // how often a thread has waited for a stream, an event or a device
void count_wait();

}  // namespace fake
