#include "training/gradients.h"

#include <ctorch_tensor.h>
#include <ctorch_types.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <type_traits>

namespace ftorch {
namespace {

// Numbers that are added up at once: few enough to stay in the cache between being scaled, sent and brought back, enough for a
// message to be worth its way.
constexpr int64_t chunk = 1 << 17;

// What the numbers flow through. It stays: memory that is new has to be cleared by the system, in each step.
std::vector<double>& chunk_memory() {
  thread_local std::vector<double> memory(static_cast<size_t>(chunk) + 1);
  return memory;
}

// Whether all numbers are finite, by their bits: the compiler makes one loop over vectors of it.
template <class Number>
bool scale(const Number* from, Number* to, int64_t count, Number factor) {
  using Bits = std::conditional_t<sizeof(Number) == sizeof(uint64_t), uint64_t, uint32_t>;
  const Bits exponent = std::bit_cast<Bits>(std::numeric_limits<Number>::infinity());
  Bits strange = 0;
  for (int64_t i = 0; i < count; ++i) {
    strange |= (std::bit_cast<Bits>(from[i]) & exponent) == exponent;
    to[i] = from[i] * factor;
  }
  return strange == 0;
}

}  // namespace

Gradients::Gradients(const ctorch_model* model) : model_(model) {
  int32_t count = 0;
  need(ctorch_model_count_parameters(model, &count));
  all_.resize(static_cast<size_t>(count));
  has_.resize(all_.size());
  need(ctorch_model_gradients(model, nullptr, all_.data(), count));
  for (size_t i = 0; i < all_.size(); ++i) has_[i] = all_[i].id != 0;
  find_parts();
}

Gradients::~Gradients() {
  forget();
  for (ctorch_tensor& gradient : all_) ctorch_tensor_delete(&gradient);
}

void Gradients::forget() {
  for (Part& part : parts_)
    if (part.is_copy) ctorch_tensor_delete(&part.host);
  parts_.clear();
  has_copies_ = false;
}

int64_t Gradients::digest() const {
  int64_t value = static_cast<int64_t>(all_.size());
  for (const int64_t has : has_) value = value * 31 + has;
  for (const Part& part : parts_) value = (value * 31 + part.count) * 31 + part.dtype;
  return value;
}

std::string Gradients::parameters() const {
  std::string words;
  std::vector<ctorch_tensor> parameters(all_.size());
  need(ctorch_model_parameters(model_, parameters.data(), static_cast<int32_t>(parameters.size())));
  for (ctorch_tensor& parameter : parameters) {
    int64_t numbers = 0;
    int32_t dtype = 0;
    need(ctorch_tensor_numel(&parameter, &numbers));
    need(ctorch_tensor_dtype(&parameter, &dtype));
    need(ctorch_tensor_delete(&parameter));
    words += std::to_string(numbers) + ':' + std::to_string(dtype) + ' ';
  }
  return std::to_string(std::hash<std::string>{}(words));
}

void Gradients::take(const std::vector<int64_t>& wanted) {
  need(ctorch_model_gradients(model_, wanted.data(), all_.data(), static_cast<int32_t>(all_.size())));
  find_parts();
}

void Gradients::find_parts() {
  forget();
  chunk_memory();  // now, when it may still fail
  for (const ctorch_tensor& gradient : all_)
    if (gradient.id != 0) add(gradient);
}

void Gradients::add(const ctorch_tensor& gradient) {
  Part part;
  part.gradient = part.host = gradient;
  part.before = parts_.empty() ? 0 : parts_.back().before + parts_.back().count;
  int32_t device = 0, index = 0;
  need(ctorch_tensor_device(&gradient, &device, &index));
  need(ctorch_tensor_dtype(&gradient, &part.dtype));
  const bool is_real = part.dtype == CTORCH_DTYPE_FLOAT32 || part.dtype == CTORCH_DTYPE_FLOAT64;
  if (device != CTORCH_DEVICE_CPU || !is_real) {
    if (!is_real) part.dtype = CTORCH_DTYPE_FLOAT32;
    part.host = {};
    need(ctorch_tensor_to(&gradient, part.dtype, CTORCH_DEVICE_CPU, -1, 0, &part.host));
    part.is_copy = has_copies_ = true;
  }
  parts_.push_back(part);
  need(ctorch_tensor_numel(&part.host, &parts_.back().count));
  need(ctorch_tensor_data(&part.host, &parts_.back().data));
}

// All gradients of one kind flow through one chunk, whatever their sizes.
template <class Number>
void Gradients::add_up_all_of(int32_t dtype, MPI_Datatype type, const Group& all, double weight, Sum& sum) {
  struct Piece {
    Number* values;
    int64_t count;
  };
  const auto factor = static_cast<Number>(weight);
  auto* const together = reinterpret_cast<Number*>(chunk_memory().data());
  std::vector<Piece> pieces;
  int64_t filled = 0;
  const auto flush = [&](bool is_last) {
    // With the last numbers goes whether this rank has something to say.
    if (is_last) together[filled] = has_copies_ || !sum.strange.empty();
    const int count = static_cast<int>(filled + is_last);
    check(MPI_Allreduce(MPI_IN_PLACE, together, count, type, MPI_SUM, all.comm()), "MPI_Allreduce");
    if (is_last) sum.somebody_speaks |= together[filled] > 0;
    const Number* from = together;
    for (const Piece& piece : pieces) {
      std::copy_n(from, piece.count, piece.values);
      from += piece.count;
    }
    pieces.clear();
    filled = 0;
  };
  bool some_of_it = false;
  for (const Part& part : parts_) {
    if (part.dtype != dtype) continue;
    some_of_it = true;
    auto* const first = static_cast<Number*>(part.data);
    for (int64_t at = 0; at < part.count;) {
      if (filled == chunk) flush(false);
      const int64_t some = std::min(chunk - filled, part.count - at);
      Number *const values = first + at, *const to = together + filled;
      if (weight == 0) {
        std::fill_n(to, some, Number{0});  // what a rank without samples has does not count, whatever it is
      } else if (!scale(values, to, some, factor) && sum.strange.empty()) {
        const Number* found = std::find_if(values, values + some, [](Number value) { return !std::isfinite(value); });
        sum.strange = "number " + std::to_string(part.before + (found - first) + 1) + " is " + std::to_string(*found);
      }
      pieces.push_back({values, some});
      filled += some;
      at += some;
    }
  }
  if (some_of_it) flush(true);
}

Gradients::Sum Gradients::add_up(const Group& all, double weight) {
  Sum sum;
  add_up_all_of<float>(CTORCH_DTYPE_FLOAT32, MPI_FLOAT, all, weight, sum);
  add_up_all_of<double>(CTORCH_DTYPE_FLOAT64, MPI_DOUBLE, all, weight, sum);
  return sum;
}

void Gradients::give_back() {
  for (const Part& part : parts_)
    if (part.is_copy) need(ctorch_tensor_copy(&part.host, &part.gradient, 0));
}

}  // namespace ftorch
