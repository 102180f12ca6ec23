// Handles: numbers that name objects in a table. A handle is [kind:4][generation:36][slot:24]; a slot's generation grows each
// time it is given out, so a stale handle is recognized in constant time without touching the object it once named. A slot
// whose generations are used up is not given out again. What one thread has looked up in an entry lives until that entry ends,
// whoever deletes it (reclaim.h).
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/reclaim.h"
#include "core/spin_lock.h"

namespace ctorch {

// How many handles of each kind are alive; null as long as there was none.
inline std::array<std::atomic<const std::atomic<int64_t>*>, 16> live_counts{};

template <class Object, int32_t Kind, int GenerationBits = 36>
class HandleTable {
 public:
  // The table is never destroyed: objects may be released after main by a host's own destructors.
  static HandleTable& instance() {
    static auto* table = new HandleTable;
    return *table;
  }

  template <class... Args>
  uint64_t create(Args&&... args) {
    Slot& slot = take_slot();
    try {
      new (slot.storage) Object(std::forward<Args>(args)...);
    } catch (...) {
      return_slot(slot);
      throw;
    }
    slot.maker.store(this_thread(), std::memory_order_relaxed);
    slot.visited.store(false, std::memory_order_relaxed);
    const uint64_t generation = ++slot.last_generation;
    slot.generation.store(generation, std::memory_order_release);
    return pack(slot.index, generation);
  }

  // Gives the object of an expression to a variable: it gets a new handle, the old one is consumed. 0 if it names none, or if
  // the slot has no new handle left.
  uint64_t rename(uint64_t id) noexcept {
    if (!find(id)) return 0;
    Slot& slot = slot_of(id);
    uint64_t old = generation_of(id);
    if (old == max_generation) return 0;
    const uint64_t generation = old + 1;
    if (!slot.generation.compare_exchange_strong(old, generation)) return 0;
    slot.consumed.store(old, std::memory_order_relaxed);
    slot.last_generation = generation;
    return pack(slot.index, generation);
  }

  // The object, or null for a handle that names none any more. In a `guard` it stays until the end of it.
  Object* find(uint64_t id) const noexcept {
    if (!could_name(id)) return nullptr;
    Slot& slot = slot_of(id);
    if (slot.generation.load() != generation_of(id)) return nullptr;
    if (slot.maker.load(std::memory_order_relaxed) != this_thread() && !slot.visited.load()) [[unlikely]] {
      slot.visited.exchange(true);  // and then once more, for whoever deletes it did so first or has seen this
      if (slot.generation.load() != generation_of(id)) return nullptr;
    }
    return std::launder(reinterpret_cast<Object*>(slot.storage));
  }

  // A number tells apart the members of a list, which the noun names.
  Object& get(uint64_t id, const char* noun, int32_t number = 0) const {
    Object* object = find(id);
    if (!object) [[unlikely]]
      explain(id, number ? noun + (" " + std::to_string(number)) : noun);
    return *object;
  }

  // Releases the object if the handle is still the one that names it; of two racing releases one wins. Where another thread may
  // be using the object it is destroyed when that thread's call ends.
  bool release(uint64_t id, bool consumed = false) noexcept {
    uint64_t expected = generation_of(id);
    if (!could_name(id) || expected == 0) return false;
    Slot& slot = slot_of(id);
    if (!slot.generation.compare_exchange_strong(expected, 0)) return false;
    if (consumed) slot.consumed.store(expected, std::memory_order_relaxed);
    slot.rests = consumed;
    const bool only_mine = slot.maker.load(std::memory_order_relaxed) == this_thread() && !slot.visited.load();
    if (only_mine || !others_inside()) {
      std::launder(reinterpret_cast<Object*>(slot.storage))->~Object();
      return_slot(slot);
    } else {
      discount();
      slot.waits = true;
      destroy_later(slot);
    }
    return true;
  }

  // Exchanges the object behind a handle that no other thread has ever looked up; false, with nothing done, for any other.
  bool replace(uint64_t id, Object& fresh) noexcept {
    const uint64_t generation = generation_of(id);
    uint64_t expected = generation;
    if (!could_name(id) || generation == 0) return false;
    Slot& slot = slot_of(id);
    if (slot.maker.load(std::memory_order_relaxed) != this_thread()) return false;
    if (!slot.generation.compare_exchange_strong(expected, 0)) return false;  // whoever looks now finds nothing
    const bool only_mine = !slot.visited.load();
    if (only_mine) std::swap(*std::launder(reinterpret_cast<Object*>(slot.storage)), fresh);
    slot.generation.store(generation, std::memory_order_release);
    return only_mine;
  }

  int64_t live() const noexcept { return live_.load(std::memory_order_relaxed); }

 private:
  HandleTable() {
    resting_.fill(nullptr);
    keep_over_fork(lock_);
    live_counts[Kind] = &live_;
  }

  struct Slot : Retired {
    alignas(Object) std::byte storage[sizeof(Object)];
    std::atomic<uint64_t> generation{0};  // 0: free
    uint64_t last_generation = 0;
    std::atomic<uint64_t> consumed{0};  // the last generation here that was an expression's result and was used up
    std::atomic<uintptr_t> maker{0};    // the thread
    std::atomic<bool> visited{false};   // another thread has looked it up
    bool rests = false;                 // when it is free
    bool waits = false;                 // for calls of other threads to end; it does not count any more
    uint32_t index = 0;
  };
  static constexpr int slot_bits = 24;
  static constexpr uint64_t max_generation = (uint64_t{1} << GenerationBits) - 1;
  static constexpr uint32_t chunk_size = 1024;
  static constexpr uint32_t max_chunks = (1u << slot_bits) / chunk_size;
  static_assert(slot_bits + GenerationBits <= 60);

  static uint32_t index_of(uint64_t id) { return static_cast<uint32_t>(id) & ((1u << slot_bits) - 1); }
  static uint64_t generation_of(uint64_t id) { return (id & ~(uint64_t{15} << 60)) >> slot_bits; }
  static uint64_t pack(uint32_t index, uint64_t generation) {
    return static_cast<uint64_t>(Kind) << 60 | generation << slot_bits | index;
  }

  bool could_name(uint64_t id) const noexcept {
    return (id >> 60) == Kind && index_of(id) < capacity_.load(std::memory_order_acquire);
  }
  Slot& slot_of(uint64_t id) const noexcept { return chunks_[index_of(id) / chunk_size][index_of(id) % chunk_size]; }

  Slot& take_slot() {
    std::lock_guard lock(lock_);
    if (free_.empty()) grow();
    Slot& slot = *free_.back();
    free_.pop_back();
    count(1);
    return slot;
  }

  static void destroy(Retired& retired) noexcept {
    auto& slot = static_cast<Slot&>(retired);
    std::launder(reinterpret_cast<Object*>(slot.storage))->~Object();
    instance().return_slot(slot);
  }

  // Slots are reused at once, while they are in the cache; those of expressions later, so that a second use of one is still
  // recognized.
  void return_slot(Slot& slot) noexcept {
    std::lock_guard lock(lock_);
    if (!std::exchange(slot.waits, false)) count(-1);
    Slot* free = &slot;
    if (std::exchange(slot.rests, false)) std::swap(free, resting_[n_resting_++ % resting_.size()]);
    if (free && free->last_generation < max_generation) free_.push_back(free);  // grow() reserved the room
  }

  void discount() noexcept {
    std::lock_guard lock(lock_);
    count(-1);
  }

  // Under the lock.
  void count(int64_t change) noexcept {
    live_.store(live_.load(std::memory_order_relaxed) + change, std::memory_order_relaxed);
  }

  void grow() {
    const uint32_t capacity = capacity_.load(std::memory_order_relaxed);
    if (capacity / chunk_size == max_chunks) fail(CTORCH_ERROR_MEMORY, "more than ", capacity, " live handles");
    free_.reserve(capacity + chunk_size);
    auto* chunk = chunks_[capacity / chunk_size] = new Slot[chunk_size];
    for (uint32_t i = chunk_size; i-- > 0;) {
      chunk[i].destroy = &destroy;
      chunk[i].index = capacity + i;
      free_.push_back(&chunk[i]);
    }
    capacity_.store(capacity + chunk_size, std::memory_order_release);
  }

  [[noreturn]] [[gnu::cold, gnu::noinline]] void explain(uint64_t id, const std::string& noun) const {
    if (id == 0)
      fail(CTORCH_ERROR_HANDLE, noun, " is not initialised: no procedure has given it a value, or it was deleted since");
    if (!could_name(id)) fail(CTORCH_ERROR_HANDLE, noun, " is not a valid handle");
    if (slot_of(id).consumed.load(std::memory_order_relaxed) == generation_of(id))
      fail(CTORCH_ERROR_HANDLE, noun, ": expression already consumed; assign it to a variable first");
    fail(CTORCH_ERROR_HANDLE, noun, " is used after delete");
  }

  std::array<Slot*, max_chunks> chunks_{};
  std::atomic<uint32_t> capacity_{0};
  std::atomic<int64_t> live_{0};  // written under the lock
  SpinLock lock_;
  std::vector<Slot*> free_;
  std::array<Slot*, 64> resting_;  // slots of expressions that were used up lately
  size_t n_resting_ = 0;
};

}  // namespace ctorch
