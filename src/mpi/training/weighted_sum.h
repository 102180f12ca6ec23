// Numbers of all ranks, weighted and added up where they lie.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/group.h"
#include "training/weigh.h"

namespace ftorch {

// Numbers that are added up at once: few enough to stay in the cache between being weighted, sent and brought back, enough for
// a message to be worth its way.
constexpr int64_t chunk = 1 << 17;

// What they flow through. It stays: memory that is new has to be cleared by the system, in each step.
std::vector<double>& chunk_memory();

// MPI counts with an int.
constexpr int64_t most_in_a_message = 1 << 30;

// An array of so many numbers is worth a message of its own, and is not copied.
constexpr int64_t enough_alone = 1 << 16;

// Arrays of any sizes, the same on all ranks and in the same order: large ones are added up where they lie, the others flow
// through one chunk. All ranks are here: this waits.
template <class Number>
class WeightedSum {
 public:
  WeightedSum(MPI_Comm comm, double weight)
      : comm_(comm), weight_(static_cast<Number>(weight)), together_(reinterpret_cast<Number*>(chunk_memory().data())) {}

  // Returns the place of the first number here that is not finite, -1 if all are. What has no weight does not count, whatever
  // it is.
  int64_t add(Number* values, int64_t count) {
    const bool alone = count >= enough_alone;
    int64_t strange = -1;
    for (int64_t at = 0; at < count;) {
      if (!alone && filled_ == chunk) flush(false, 0);
      const int64_t some = std::min(alone ? chunk : chunk - filled_, count - at);
      Number* const from = values + at;
      const int64_t odd =
          alone ? weigh<true>(from, from, some, weight_) : weigh<false>(from, together_ + filled_, some, weight_);
      if (odd >= 0 && strange < 0) strange = at + odd;
      if (alone) {
        sum(from, some);
      } else {
        pieces_.push_back({from, some});
        filled_ += some;
      }
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

  void sum(Number* values, int64_t count) {
    check(MPI_Allreduce(MPI_IN_PLACE, values, static_cast<int>(count), type_of<Number>(), MPI_SUM, comm_), "MPI_Allreduce");
  }

  Number flush(bool is_last, Number also) {
    together_[filled_] = also;
    sum(together_, filled_ + is_last);
    const Number last = together_[filled_];
    const Number* from = together_;
    for (const Piece& piece : pieces_) {
      std::copy_n(from, piece.count, piece.values);
      from += piece.count;
    }
    pieces_.clear();
    filled_ = 0;
    return last;
  }

  MPI_Comm comm_;
  Number weight_;
  Number* together_;
  std::vector<Piece> pieces_;
  int64_t filled_ = 0;
};

}  // namespace ftorch
