// Handles: numbers that name objects in a table. A handle is [kind:4][generation:28][slot:32]; a slot's generation grows each
// time it is given out, so a stale handle is recognized in constant time without touching the object it once named.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "error.h"
#include "spin_lock.h"

namespace ctorch {

template <class Object, int32_t Kind>
class HandleTable {
 public:
  // The table is never destroyed: objects may be released after main by a host's own destructors.
  static HandleTable& instance() {
    static auto* table = new HandleTable;
    return *table;
  }

  template <class... Args>
  uint64_t create(Args&&... args) {
    const uint32_t index = take_slot();
    Slot& slot = slot_at(index);
    try {
      new (slot.storage) Object(std::forward<Args>(args)...);
    } catch (...) {
      return_slot(index);
      throw;
    }
    const uint32_t generation = next_generation(slot.last_generation);
    slot.last_generation = generation;
    slot.generation.store(generation, std::memory_order_release);
    return pack(index, generation);
  }

  // Gives the object of an expression to a variable: it gets a new handle, the old one is consumed. 0 if it names none.
  uint64_t rename(uint64_t id) noexcept {
    if (!find(id)) return 0;
    const uint32_t index = static_cast<uint32_t>(id);
    Slot& slot = slot_at(index);
    uint32_t old = generation_of(id);
    const uint32_t generation = next_generation(old);
    if (!slot.generation.compare_exchange_strong(old, generation)) return 0;
    slot.consumed = old;
    slot.last_generation = generation;
    return pack(index, generation);
  }

  // The object, or null for a handle that names none any more.
  Object* find(uint64_t id) const noexcept {
    const uint32_t index = static_cast<uint32_t>(id);
    if ((id >> 60) != Kind || index >= capacity_.load(std::memory_order_acquire)) return nullptr;
    Slot& slot = slot_at(index);
    if (slot.generation.load(std::memory_order_acquire) != generation_of(id)) return nullptr;
    return std::launder(reinterpret_cast<Object*>(slot.storage));
  }

  // A number tells apart the members of a list, which the noun names.
  Object& get(uint64_t id, const char* noun, int32_t number = 0) const {
    Object* object = find(id);
    if (!object) [[unlikely]]
      explain(id, number ? noun + (" " + std::to_string(number)) : noun);
    return *object;
  }

  // Releases the object if the handle is still the one that names it; of two racing releases one wins.
  bool release(uint64_t id, bool consumed = false) noexcept {
    if (!find(id)) return false;
    const uint32_t index = static_cast<uint32_t>(id);
    Slot& slot = slot_at(index);
    uint32_t expected = generation_of(id);
    if (!slot.generation.compare_exchange_strong(expected, 0)) return false;
    std::launder(reinterpret_cast<Object*>(slot.storage))->~Object();
    if (consumed) slot.consumed = generation_of(id);
    return_slot(index, consumed);
    return true;
  }

  int64_t live() const noexcept { return live_.load(std::memory_order_relaxed); }

 private:
  HandleTable() { resting_.fill(nobody); }

  struct Slot {
    alignas(Object) std::byte storage[sizeof(Object)];
    std::atomic<uint32_t> generation{0};  // 0: free
    uint32_t last_generation = 0;
    uint32_t consumed = 0;  // the last generation here that was an expression's result and was used up
  };
  static constexpr uint32_t chunk_size = 1024;
  static constexpr uint32_t max_chunks = 1u << 16;
  static constexpr uint32_t nobody = 0xFFFFFFFF;

  static uint32_t next_generation(uint32_t last) { return last == 0xFFFFFFF ? 1 : last + 1; }
  static uint32_t generation_of(uint64_t id) { return static_cast<uint32_t>(id >> 32) & 0xFFFFFFF; }
  static uint64_t pack(uint32_t index, uint32_t generation) {
    return static_cast<uint64_t>(Kind) << 60 | static_cast<uint64_t>(generation) << 32 | index;
  }

  Slot& slot_at(uint32_t index) const noexcept { return chunks_[index / chunk_size][index % chunk_size]; }

  uint32_t take_slot() {
    std::lock_guard lock(lock_);
    if (free_.empty()) grow();
    const uint32_t index = free_.back();
    free_.pop_back();
    live_.store(live_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return index;
  }

  // Slots are reused at once, while they are in the cache; those of expressions later, so that they can still tell their fate.
  void return_slot(uint32_t index, bool consumed = false) noexcept {
    std::lock_guard lock(lock_);
    live_.store(live_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
    if (consumed) {
      std::swap(index, resting_[n_resting_++ % resting_.size()]);
      if (index == nobody) return;
    }
    free_.push_back(index);  // grow() reserved the room
  }

  void grow() {
    const uint32_t capacity = capacity_.load(std::memory_order_relaxed);
    if (capacity / chunk_size == max_chunks) fail(CTORCH_ERROR_MEMORY, "more than ", capacity, " live handles");
    free_.reserve(capacity + chunk_size);
    chunks_[capacity / chunk_size] = new Slot[chunk_size];
    for (uint32_t i = chunk_size; i-- > 0;) free_.push_back(capacity + i);
    capacity_.store(capacity + chunk_size, std::memory_order_release);
  }

  [[noreturn]] [[gnu::cold, gnu::noinline]] void explain(uint64_t id, const std::string& noun) const {
    if (id == 0)
      fail(CTORCH_ERROR_HANDLE, noun, " is not initialised: no procedure has given it a value, or it was deleted since");
    const uint32_t index = static_cast<uint32_t>(id);
    if ((id >> 60) != Kind || index >= capacity_.load()) fail(CTORCH_ERROR_HANDLE, noun, " is not a valid handle");
    const Slot& slot = slot_at(index);
    if (slot.consumed == generation_of(id))
      fail(CTORCH_ERROR_HANDLE, noun, ": expression already consumed; assign it to a variable first");
    fail(CTORCH_ERROR_HANDLE, noun, " is used after delete");
  }

  std::array<Slot*, max_chunks> chunks_{};
  std::atomic<uint32_t> capacity_{0};
  std::atomic<int64_t> live_{0};  // written under the lock
  SpinLock lock_;
  std::vector<uint32_t> free_;
  std::array<uint32_t, 64> resting_;  // slots of expressions that were used up lately
  uint32_t n_resting_ = 0;
};

}  // namespace ctorch
