// Numbers of all ranks, weighted and added up where they lie.
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include "core/group.h"

namespace ftorch {

// Numbers that are added up at once: few enough to stay in the cache between being weighted, sent and brought back, enough for
// a message to be worth its way.
constexpr int64_t chunk = 1 << 17;

// What they flow through. It stays: memory that is new has to be cleared by the system, in each step.
std::vector<double>& chunk_memory();

// Arrays of any sizes, the same on all ranks and in the same order, flow through one chunk. All ranks are here: this waits.
template <class Number>
class WeightedSum {
 public:
  WeightedSum(MPI_Comm comm, double weight)
      : comm_(comm), weight_(static_cast<Number>(weight)), together_(reinterpret_cast<Number*>(chunk_memory().data())) {}

  // Returns the place of the first number here that is not finite, -1 if all are. What has no weight does not count, whatever
  // it is.
  int64_t add(Number* values, int64_t count) {
    int64_t strange = -1;
    for (int64_t at = 0; at < count;) {
      if (filled_ == chunk) flush(false, 0);
      const int64_t some = std::min(chunk - filled_, count - at);
      if (weight_ == 0) {
        std::fill_n(together_ + filled_, some, Number{0});
      } else if (!weigh(values + at, some) && strange < 0) {
        const auto odd = [](Number value) { return !std::isfinite(value); };
        strange = std::find_if(values + at, values + at + some, odd) - values;
      }
      pieces_.push_back({values + at, some});
      filled_ += some;
      at += some;
    }
    return strange;
  }

  // Brings back what is under way. With it goes one more number, whose sum over all ranks is returned, without a weight.
  Number finish(Number also) { return flush(true, also); }

 private:
  struct Piece {
    Number* values;
    int64_t count;
  };

  // Whether all are finite is seen by their bits: the compiler makes one loop over vectors of it.
  bool weigh(const Number* from, int64_t count) {
    using Bits = std::conditional_t<sizeof(Number) == sizeof(uint64_t), uint64_t, uint32_t>;
    const Bits exponent = std::bit_cast<Bits>(std::numeric_limits<Number>::infinity());
    const Number weight = weight_;
    Number* const to = together_ + filled_;
    Bits strange = 0;
    for (int64_t i = 0; i < count; ++i) {
      strange |= (std::bit_cast<Bits>(from[i]) & exponent) == exponent;
      to[i] = from[i] * weight;
    }
    return strange == 0;
  }

  Number flush(bool is_last, Number also) {
    together_[filled_] = also;
    const MPI_Datatype type = sizeof(Number) == sizeof(double) ? MPI_DOUBLE : MPI_FLOAT;
    check(MPI_Allreduce(MPI_IN_PLACE, together_, static_cast<int>(filled_ + is_last), type, MPI_SUM, comm_), "MPI_Allreduce");
    const Number sum = together_[filled_];
    const Number* from = together_;
    for (const Piece& piece : pieces_) {
      std::copy_n(from, piece.count, piece.values);
      from += piece.count;
    }
    pieces_.clear();
    filled_ = 0;
    return sum;
  }

  MPI_Comm comm_;
  Number weight_;
  Number* together_;
  std::vector<Piece> pieces_;
  int64_t filled_ = 0;
};

}  // namespace ftorch
