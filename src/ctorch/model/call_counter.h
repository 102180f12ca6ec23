// Counts calls that come from many threads at once, without the threads waiting for each other's cache lines.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>

namespace ctorch {

class CallCounter {
 public:
  void add() noexcept {
    const uint32_t place = my_place();
    std::atomic<int64_t>& count = places_[place].count;
    if (place != shared_place) [[likely]]  // nobody else writes here
      count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    else
      count.fetch_add(1, std::memory_order_relaxed);
  }

  int64_t total() const noexcept {
    int64_t sum = 0;
    for (const auto& place : places_) sum += place.count.load(std::memory_order_relaxed);
    return sum;
  }

 private:
  static constexpr uint32_t n_places = 33, shared_place = n_places - 1;
  struct alignas(64) Place {
    std::atomic<int64_t> count{0};
  };

  // Each living thread has a place of its own, as long as there are some.
  static uint32_t my_place() noexcept;

  std::array<Place, n_places> places_{};
};

}  // namespace ctorch
