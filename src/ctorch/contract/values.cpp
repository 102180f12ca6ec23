#include "contract/values.h"

#include <cstring>

#include "core/text.h"

namespace ctorch {
namespace {

template <class Number>
int64_t number_at(const char* data) {
  Number value;
  std::memcpy(&value, data, sizeof value);
  return static_cast<int64_t>(value);
}

template <class Number>
bool lies_within(const char* data, int64_t count, int64_t step, int64_t low, int64_t high) {
  bool all = true;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t value = number_at<Number>(data + i * step);
    all &= (value >= low) & (value <= high);
  }
  return all;
}

// Row after row along the last dimension; a row is looked through again only if something is wrong in it.
template <class Number>
bool find(const char* data, std::span<const int64_t> sizes, std::span<const int64_t> steps, int64_t low, int64_t high,
          OutOfRange& found) {
  if (sizes.empty()) {
    found.value = number_at<Number>(data);
    return found.value < low || found.value > high;
  }
  if (sizes.size() == 1 && lies_within<Number>(data, sizes[0], steps[0], low, high)) [[likely]]
    return false;
  for (int64_t i = 0; i < sizes[0]; ++i)
    if (find<Number>(data + i * steps[0], sizes.subspan(1), steps.subspan(1), low, high, found)) {
      found.place.insert(found.place.begin(), i);
      return true;
    }
  return false;
}

}  // namespace

std::optional<OutOfRange> find_out_of_range(const void* data, c10::ScalarType type, std::span<const int64_t> sizes,
                                            std::span<const int64_t> byte_strides, int64_t low, int64_t high) {
  for (const int64_t size : sizes)
    if (size == 0) return std::nullopt;
  const auto* bytes = static_cast<const char*>(data);
  OutOfRange found;
  bool any = false;
  switch (type) {
    case c10::ScalarType::Byte: any = find<uint8_t>(bytes, sizes, byte_strides, low, high, found); break;
    case c10::ScalarType::Char: any = find<int8_t>(bytes, sizes, byte_strides, low, high, found); break;
    case c10::ScalarType::Short: any = find<int16_t>(bytes, sizes, byte_strides, low, high, found); break;
    case c10::ScalarType::Int: any = find<int32_t>(bytes, sizes, byte_strides, low, high, found); break;
    case c10::ScalarType::Long: any = find<int64_t>(bytes, sizes, byte_strides, low, high, found); break;
    default: break;
  }
  return any ? std::optional(found) : std::nullopt;
}

std::string place_words(std::span<const int64_t> place) {
  return "(" + joined(place, ", ", [](int64_t index) { return std::to_string(index + 1); }) + ")";
}

}  // namespace ctorch
