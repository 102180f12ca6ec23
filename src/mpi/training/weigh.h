// The weight of a rank's numbers in a sum over ranks.
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "core/header.h"

namespace ftorch {

template <class Number>
MPI_Datatype type_of() {
  return std::is_same_v<Number, double> ? MPI_DOUBLE : MPI_FLOAT;
}

// Gives numbers their weight; returns the place of the first that is not finite, or -1. That one is there is seen by bits: the
// compiler makes one loop over vectors of it, if it knows whether there are two arrays. What has no weight does not count,
// whatever it is.
template <bool in_place, class Number>
int64_t weigh(const Number* from, Number* to, int64_t count, Number weight) {
  using Bits = std::conditional_t<sizeof(Number) == sizeof(uint64_t), uint64_t, uint32_t>;
  const Bits exponent = std::bit_cast<Bits>(std::numeric_limits<Number>::infinity());
  if (weight == 0) {
    std::fill_n(to, count, Number{0});
    return -1;
  }
  Bits strange = 0;
  for (int64_t i = 0; i < count; ++i) {
    const Number value = in_place ? to[i] : from[i];
    strange |= (std::bit_cast<Bits>(value) & exponent) == exponent;
    to[i] = value * weight;
  }
  if (strange == 0) return -1;
  return std::find_if(to, to + count, [](Number value) { return !std::isfinite(value); }) - to;
}

}  // namespace ftorch
