// When an object that one thread deletes may go: when no other thread is in a call that may be using it. Each thread notes when
// it enters the library and when it leaves (epoch-based reclamation), so that looking an object up costs nothing more.
#pragma once
#include <atomic>
#include <cstdint>
#include <utility>

#include "core/spin_lock.h"

namespace ctorch {

extern std::atomic<uint64_t> reclaim_clock;  // counts the objects that had to wait

// Whether who looks for threads that are inside makes all of them fence (membarrier), so that an entry need not.
extern std::atomic<bool> entries_are_fenced_from_outside;

// A thread that calls. Records are never freed; those of threads that have ended are given to new ones.
struct alignas(64) Caller {
  std::atomic<uint64_t> since{0};  // the time of its outermost entry; 0: it is outside
  int32_t depth = 0;               // entries within entries: a closure calls the library again
  std::atomic<bool> taken{true};
  uint32_t number = UINT32_MAX;  // no two threads that live have the same, but for this one
  Caller* next = nullptr;

  // What is looked up from here on stays: nobody may see the entry later than that.
  void enter() noexcept {
    const uint64_t now = reclaim_clock.load();
    if (entries_are_fenced_from_outside.load(std::memory_order_relaxed)) [[likely]] {
      since.store(now, std::memory_order_relaxed);
      std::atomic_signal_fence(std::memory_order_seq_cst);  // the processor's fence is the membarrier of who looks
    } else {
      since.exchange(now);
    }
  }
};

extern std::atomic<int64_t> reclaim_waiting;
extern constinit thread_local Caller* this_caller;
Caller* register_caller() noexcept;
void reclaim() noexcept;  // destroys what waits and is free by now

// This thread is inside the library for the life of this object.
class InCall {
 public:
  InCall() noexcept : caller_(this_caller) {
    if (!caller_) [[unlikely]]
      caller_ = register_caller();
    if (caller_->depth++ == 0) caller_->enter();
  }
  ~InCall() {
    if (--caller_->depth > 0) return;
    caller_->since.store(0, std::memory_order_release);
    if (reclaim_waiting.load(std::memory_order_relaxed)) [[unlikely]]
      reclaim();
  }
  InCall(const InCall&) = delete;
  InCall& operator=(const InCall&) = delete;

 private:
  Caller* caller_;
};

// What names a thread as long as it lives.
inline uintptr_t this_thread() noexcept { return reinterpret_cast<uintptr_t>(__builtin_thread_pointer()); }

// Outside again, while an entry runs a procedure of the program: what the entry still needs it must keep by itself.
class OutOfCall {
 public:
  OutOfCall() noexcept : depth_(std::exchange(this_caller->depth, 0)) {
    this_caller->since.store(0, std::memory_order_release);
  }
  ~OutOfCall() {
    this_caller->depth = depth_;
    this_caller->enter();
  }
  OutOfCall(const OutOfCall&) = delete;
  OutOfCall& operator=(const OutOfCall&) = delete;

 private:
  int32_t depth_;
};

// Whether another thread is inside.
bool others_inside() noexcept;

// Part of an object that may have to wait for its end.
struct Retired {
  void (*destroy)(Retired&) noexcept = nullptr;
  Retired* next = nullptr;
  uint64_t time = 0;
};

// Destroys it once every thread that is inside now has left. Nothing may lead a newcomer to it any more.
void destroy_later(Retired& object) noexcept;

// A lock that the child of a fork finds open.
void keep_over_fork(SpinLock& lock) noexcept;

}  // namespace ctorch
