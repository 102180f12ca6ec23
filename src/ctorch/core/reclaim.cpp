#include "core/reclaim.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <mutex>
#include <new>

namespace ctorch {

std::atomic<uint64_t> reclaim_clock{1};
std::atomic<int64_t> reclaim_waiting{0};
constinit thread_local Caller* this_caller = nullptr;
std::atomic<bool> entries_are_fenced_from_outside{false};

namespace {

std::atomic<Caller*> callers{nullptr};
SpinLock waiting_lock;
Retired* waiting = nullptr;  // under the lock

std::array<SpinLock*, 8> fork_locks;
std::atomic<size_t> n_fork_locks{0};

// For threads that find no memory for a record: nobody knows when they leave, so nothing that others might use goes any more.
Caller* unknown_caller() noexcept {
  thread_local Caller mine;
  static Caller always;
  static const bool listed = [] {
    always.since = 1;
    always.next = callers.load();
    while (!callers.compare_exchange_weak(always.next, &always)) {
    }
    return true;
  }();
  static_cast<void>(listed);
  return &mine;
}

struct Leave {
  Leave() = default;
  ~Leave() {
    if (!this_caller) return;
    this_caller->taken.store(false, std::memory_order_release);
    this_caller = nullptr;
  }
  Leave(const Leave&) = delete;
  Leave& operator=(const Leave&) = delete;
};

void before_fork() noexcept {
  for (size_t i = 0; i < n_fork_locks.load(); ++i) fork_locks[i]->lock();
  waiting_lock.lock();
}

void after_fork() noexcept {
  waiting_lock.unlock();
  for (size_t i = n_fork_locks.load(); i-- > 0;) fork_locks[i]->unlock();
}

// Asks the system to let one thread make all others fence. The child of a fork asks anew.
bool ask_for_fences() noexcept { return ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0; }

// The other threads do not exist in the child.
void in_child() noexcept {
  for (Caller* caller = callers.load(); caller; caller = caller->next) {
    if (caller == this_caller) continue;
    caller->since.store(0);
    caller->depth = 0;
    caller->taken.store(false);
  }
  entries_are_fenced_from_outside = ask_for_fences();
  after_fork();
}

void fence_all_threads() noexcept {
  if (entries_are_fenced_from_outside.load()) ::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

// The earliest entry of those that are inside.
uint64_t earliest_entry() noexcept {
  fence_all_threads();
  uint64_t earliest = UINT64_MAX;
  for (Caller* caller = callers.load(); caller; caller = caller->next)
    if (const uint64_t since = caller->since.load(); since && since < earliest) earliest = since;
  return earliest;
}

}  // namespace

Caller* register_caller() noexcept {
  static const int hooked = ::pthread_atfork(&before_fork, &after_fork, &in_child);
  static_cast<void>(hooked);
  static const bool registered = [] {
    const bool works = ask_for_fences();
    if (works) entries_are_fenced_from_outside = true;
    return works;
  }();
  static_cast<void>(registered);
  static thread_local const Leave leave;
  static_cast<void>(leave);
  for (Caller* caller = callers.load(); caller; caller = caller->next) {
    bool taken = false;
    if (caller->taken.compare_exchange_strong(taken, true)) return this_caller = caller;
  }
  auto* made = new (std::nothrow) Caller;
  if (!made) return this_caller = unknown_caller();
  static std::atomic<uint32_t> count{0};
  made->number = count.fetch_add(1);
  made->next = callers.load();
  while (!callers.compare_exchange_weak(made->next, made)) {
  }
  return this_caller = made;
}

bool others_inside() noexcept {
  fence_all_threads();
  const Caller* mine = this_caller;
  for (const Caller* caller = callers.load(); caller; caller = caller->next)
    if (caller != mine && caller->since.load()) return true;
  return false;
}

void destroy_later(Retired& object) noexcept {
  {
    std::lock_guard lock(waiting_lock);
    object.time = reclaim_clock.fetch_add(1) + 1;  // who enters from now on has no way to it
    object.next = waiting;
    waiting = &object;
    reclaim_waiting.fetch_add(1);
  }
  reclaim();  // perhaps they have left meanwhile
}

void reclaim() noexcept {
  Retired* free = nullptr;
  {
    std::lock_guard lock(waiting_lock);
    const uint64_t earliest = earliest_entry();
    for (Retired** place = &waiting; *place;) {
      Retired& object = **place;
      if (object.time > earliest) {
        place = &object.next;
        continue;
      }
      *place = object.next;
      object.next = free;
      free = &object;
      reclaim_waiting.fetch_sub(1);
    }
  }
  while (free) {
    Retired& object = *free;
    free = object.next;
    object.destroy(object);
  }
}

void keep_over_fork(SpinLock& lock) noexcept {
  static SpinLock alone;
  std::lock_guard guard(alone);
  const size_t n = n_fork_locks.load();
  if (n == fork_locks.size()) return;
  fork_locks[n] = &lock;
  n_fork_locks.store(n + 1);
}

}  // namespace ctorch
