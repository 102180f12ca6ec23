// Counts calls of many threads at once without atomic additions: each thread writes where nobody else does.
#pragma once
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "core/reclaim.h"

namespace ctorch {

class CallCounter {
 public:
  // In a `guard`.
  void add() noexcept {
    const uint32_t place = std::min(this_caller->number, shared_place);
    std::atomic<int64_t>& count = places_[place].count;
    if (place != shared_place) [[likely]]
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
  std::array<Place, n_places> places_{};
};

}  // namespace ctorch
