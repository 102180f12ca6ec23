// Whole numbers of a call, compared with what the contract says they may be. They are indices mostly, and code that looks
// something up by one that is out of range reads foreign memory, ends the process, or, on a device, spoils all that follows.
#pragma once
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ctorch {

// What whole numbers may be, both ends included.
struct ValueRange {
  int64_t low = INT64_MIN, high = INT64_MAX;
};

struct OutOfRange {
  int64_t value = 0;
  std::vector<int64_t> place;  // from 0
};

// The first number that lies outside, in the order of the first index; none for numbers of other kinds.
std::optional<OutOfRange> find_out_of_range(const void* data, c10::ScalarType type, std::span<const int64_t> sizes,
                                            std::span<const int64_t> byte_strides, int64_t low, int64_t high);

// "(2, 7)" as Fortran counts.
std::string place_words(std::span<const int64_t> place);

}  // namespace ctorch
