// A place in the work of a stream, for others to wait for.
#pragma once
#include <c10/core/Event.h>

#include <optional>

namespace ctorch {

// Recorded when it is made, on this thread's stream; another place is another object. On the CPU everything has been done.
class Event {
 public:
  explicit Event(c10::Device device);

  c10::Device device() const { return device_; }
  bool done() const { return !event_ || event_->query(); }
  void wait() const;                           // this thread
  void hold_stream(c10::Device device) const;  // this thread's stream there; a device of the same kind

 private:
  c10::Device device_;
  std::optional<c10::Event> event_;
};

}  // namespace ctorch
