// Floating-point arithmetic inside a call: the same in all threads that take part, and each has its own back afterwards.
#pragma once
#include <atomic>

#include "host/float_state.h"

namespace ctorch {

// What the program wants of all calls; as_host leaves it to the model's contract, and where that is silent, to the host.
inline std::atomic<Flush> flush_setting{Flush::as_host};

inline Flush flush_for(Flush model) noexcept {
  const Flush setting = flush_setting.load(std::memory_order_relaxed);
  return setting == Flush::as_host ? model : setting;
}

// A call on one thread, from construction to destruction. Calls may lie within each other.
class FloatCall {
 public:
  explicit FloatCall(Flush model = Flush::as_host) noexcept;
  explicit FloatCall(FloatCall* leader) noexcept;  // the part of another thread's call that this one computes
  ~FloatCall();
  FloatCall(const FloatCall&) = delete;
  FloatCall& operator=(const FloatCall&) = delete;

  // Whether arithmetic has met subnormal numbers that were not flushed, on any of the threads.
  bool met_subnormals() const noexcept {
    return FloatState::current().met_subnormals() || subnormals_.load(std::memory_order_relaxed);
  }

  // Runs what may start threads. A thread is born with the state of the one that starts it, and those of a team remain the
  // host's: they shall have what the host gives its own.
  template <class Start>
  void fork(Start&& start) const {
    const FloatState now = FloatState::current();
    host_.load(now);
    start();
    now.load(FloatState::current());
  }

 private:
  const FloatState before_;
  FloatCall* const outer_;
  FloatCall* const leader_ = nullptr;
  const FloatState host_, inside_;
  std::atomic<bool> subnormals_{false};
};

// The same for compiled code that neither calls PyTorch nor starts threads: a few nanoseconds.
class FloatEnvironment {
 public:
  explicit FloatEnvironment(Flush model) noexcept : before_(FloatWord::current()) {
    const FloatWord inside = before_.for_call(flush_for(model));
    if (!before_.serves(inside)) [[unlikely]]
      inside.load();
  }
  ~FloatEnvironment() {
    if (!left_) leave();
  }
  FloatEnvironment(const FloatEnvironment&) = delete;
  FloatEnvironment& operator=(const FloatEnvironment&) = delete;

  // Gives the thread its own state back, and says whether arithmetic met subnormal numbers that were not flushed.
  bool leave() noexcept {
    const FloatWord now = FloatWord::current();
    if (now != before_) before_.load();
    left_ = true;
    return now.met_subnormals();
  }

 private:
  const FloatWord before_;
  bool left_ = false;
};

// From now on all threads of the parallel regions that a library starts within a call compute as the call does. Regions outside
// of calls run as if nothing had happened. `library` is what dlopen gave.
void lead_teams_of(void* library);

}  // namespace ctorch
