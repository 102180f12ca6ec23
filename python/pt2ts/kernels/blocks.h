// A call, block of samples by block. The caller's arrays are used where they lie if they are as a network reads them; otherwise
// (other strides, the other kind of real numbers) a block of them is brought into that form, which stays in the nearest cache.
#pragma once

#include "vector.h"

namespace {

// One of the caller's arrays, as in the interface of kernels.
struct Array {
  char* data;
  const int64_t* strides;  // in bytes
  int64_t dtype;
};
constexpr int64_t kFloat = 6, kDouble = 7, kReal = sizeof(real) == 4 ? kFloat : kDouble;

// Generated code describes each array by a type with: rank; sample, the dimension that counts samples, or -1; shape of a block
// and strides in numbers as the network reads it; place, where in the workspace a block is brought to.

template <class... Ports>
struct List {
  static constexpr int count = sizeof...(Ports);
};

template <class Port>
inline bool lies_right(const Array& array) {
  if (array.dtype != kReal) return false;
  for (int d = 0; d < Port::rank; ++d) {
    if (Port::shape[d] != 1 && array.strides[d] != Port::strides[d] * static_cast<int64_t>(sizeof(real))) return false;
  }
  return true;
}

template <class... Ports>
inline uint64_t which_lie_right(List<Ports...>, const Array* arrays) {
  uint64_t bits = 0;
  int number = 0;
  ((bits |= static_cast<uint64_t>(lies_right<Ports>(arrays[number])) << number, ++number), ...);
  return bits;
}

// Calls body(byte offset in the caller's array, offset in ours) for all elements of one sample.
template <class Port, int Dim = 0, class Body>
inline void each_element(const int64_t* strides, int64_t theirs, int64_t ours, Body body) {
  if constexpr (Dim == Port::rank) {
    body(theirs, ours);
  } else if constexpr (Dim == Port::sample) {
    each_element<Port, Dim + 1>(strides, theirs, ours, body);
  } else {
    const int64_t step = strides[Dim];
    for (int i = 0; i < Port::shape[Dim]; ++i) each_element<Port, Dim + 1>(strides, theirs + i * step, ours + i * Port::strides[Dim], body);
  }
}

// The same for `count` samples; whichever lies closer together in the caller's memory, samples or elements, is the inner loop.
template <class Port, class Body>
inline void each_number(const Array& array, int count, Body body) {
  if constexpr (Port::sample < 0) {
    each_element<Port>(array.strides, 0, 0, body);
  } else {
    const int64_t theirs = array.strides[Port::sample], ours = Port::strides[Port::sample];
    if (Port::rank > 1 && theirs < array.strides[Port::rank - 1 - (Port::sample == Port::rank - 1)]) {
      each_element<Port>(array.strides, 0, 0, [&](int64_t from, int64_t to) {
        for (int s = 0; s < count; ++s) body(from + s * theirs, to + s * ours);
      });
    } else {
      for (int s = 0; s < count; ++s) each_element<Port>(array.strides, s * theirs, s * ours, body);
    }
  }
}

template <class Port, class Number>
inline void copy_in(const Array& array, const char* from, int count, int rows, real* to) {
  each_number<Port>(array, count, [&](int64_t theirs, int64_t ours) {
    to[ours] = static_cast<real>(*reinterpret_cast<const Number*>(from + theirs));
  });
  // Samples that are none repeat the last one: they are computed, and nobody sees the result.
  if constexpr (Port::sample >= 0) {
    constexpr int64_t step = Port::strides[Port::sample];
    constexpr int64_t none[Port::rank + 1] = {};
    for (int s = count; s < rows; ++s)
      each_element<Port>(none, 0, 0, [&](int64_t, int64_t ours) { to[ours + s * step] = to[ours + (count - 1) * step]; });
  }
}

template <class Port, class Number>
inline void copy_out(const Array& array, char* to, int count, const real* from) {
  each_number<Port>(array, count, [&](int64_t theirs, int64_t ours) {
    *reinterpret_cast<Number*>(to + theirs) = static_cast<Number>(from[ours]);
  });
}

template <class Port>
inline int64_t begin_of(const Array& array, int64_t first) {
  if constexpr (Port::sample < 0) return 0;
  else return first * array.strides[Port::sample];
}

// An input of a block: where it lies, or a copy.
template <class Port>
inline const real* input_of(const Array& array, bool right, int64_t first, int count, int rows, real* work) {
  const char* from = array.data + begin_of<Port>(array, first);
  if (right && (Port::sample < 0 || count == rows)) return reinterpret_cast<const real*>(from);
  real* const to = work + Port::place;
  if (array.dtype == kFloat) copy_in<Port, float>(array, from, count, rows, to);
  else copy_in<Port, double>(array, from, count, rows, to);
  return to;
}

template <class Port>
inline real* output_of(const Array& array, bool right, int64_t first, int count, int rows, real* work) {
  if (right && (Port::sample < 0 || count == rows)) return reinterpret_cast<real*>(array.data + begin_of<Port>(array, first));
  return work + Port::place;
}

template <class Port>
inline void deliver(const Array& array, bool right, int64_t first, int count, int rows, const real* work) {
  if (right && (Port::sample < 0 || count == rows)) return;
  char* const to = array.data + begin_of<Port>(array, first);
  if (array.dtype == kFloat) copy_out<Port, float>(array, to, count, work + Port::place);
  else copy_out<Port, double>(array, to, count, work + Port::place);
}

template <class Network, class... Inputs, class... Outputs>
inline void run_block(List<Inputs...>, List<Outputs...>, const Array* inputs, const Array* outputs, uint64_t right_in,
                      uint64_t right_out, int64_t first, int count, const real* packed, real* work) {
  constexpr int rows = Network::rows;
  int i = 0, o = 0, d = 0;
  const real* const x[sizeof...(Inputs) + 1] = {
      (static_cast<void>(++i), input_of<Inputs>(inputs[i - 1], right_in >> (i - 1) & 1, first, count, rows, work))..., nullptr};
  real* const y[sizeof...(Outputs) + 1] = {
      (static_cast<void>(++o), output_of<Outputs>(outputs[o - 1], right_out >> (o - 1) & 1, first, count, rows, work))..., nullptr};
  Network::compute(x, y, packed, work);
  ((deliver<Outputs>(outputs[d], right_out >> d & 1, first, count, rows, work), ++d), ...);
}

// Computes samples from `first` on in whole blocks, and what is left too if `also_part`; returns the first one not computed.
template <class Network>
inline int64_t run_blocks(const Array* inputs, const Array* outputs, int64_t first, int64_t last, bool also_part,
                          const real* packed, real* work) {
  constexpr int rows = Network::rows;
  if (last - first < (also_part ? 1 : rows)) return first;
  const typename Network::Inputs in;
  const typename Network::Outputs out;
  const uint64_t right_in = which_lie_right(in, inputs), right_out = which_lie_right(out, outputs);
  for (; last - first >= rows; first += rows)
    run_block<Network>(in, out, inputs, outputs, right_in, right_out, first, rows, packed, work);
  if (!also_part || first == last) return first;
  run_block<Network>(in, out, inputs, outputs, right_in, right_out, first, static_cast<int>(last - first), packed, work);
  return last;
}

}  // namespace
