// A call, block of samples by block. The caller's arrays are used where they lie if they are as a network reads them; otherwise
// (other strides, the other kind of real numbers) a block of them is brought into that form, which stays in the nearest cache.

#pragma once

#include "base.h"

namespace {

// One of the caller's arrays, as in the interface of kernels.
struct Array {
  char* data;
  const int64_t* strides;  // in bytes
  int64_t dtype;
};
constexpr int64_t kFloat = 6, kDouble = 7;

// Generated code describes each array by a type with: Number, float or double as the network reads it; dtype of the contract; rank;
// sample, the dimension that counts samples, or -1; shape of a block and strides in numbers as the network reads it; place, where
// in the workspace (in bytes) a block is brought to.

template <class... Ports>
struct List {
  static constexpr int count = sizeof...(Ports);
};

template <class Port>
inline bool lies_right(const Array& array) {
  if (array.dtype != (sizeof(typename Port::Number) == 4 ? kFloat : kDouble)) return false;
  for (int d = 0; d < Port::rank; ++d) {
    if (Port::shape[d] != 1 && array.strides[d] != Port::strides[d] * static_cast<int64_t>(sizeof(typename Port::Number))) return false;
  }
  return true;
}

template <class... Ports>
inline void find_right(List<Ports...>, const Array* arrays, bool* right) {
  int number = 0;
  ((right[number] = lies_right<Ports>(arrays[number]), ++number), ...);
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

// Whether the elements of a sample follow each other in memory, last dimension fastest; strides and the size of one in one unit.
template <class Port>
constexpr bool is_run(const int64_t* strides, int64_t size) {
  int64_t step = size;
  for (int d = Port::rank - 1; d >= 0; --d) {
    if (d == Port::sample) continue;
    if (Port::shape[d] != 1 && strides[d] != step) return false;
    step *= Port::shape[d];
  }
  return true;
}

template <class Port>
constexpr int elements_of_a_sample() {
  int count = 1;
  for (int d = 0; d < Port::rank; ++d)
    if (d != Port::sample) count *= static_cast<int>(Port::shape[d]);
  return count;
}

// Calls body(byte offset in the caller's array, offset in ours, n) for all elements of `count` samples, n of which follow each
// other in both. Whichever lies closer together in the caller's memory, samples or elements, is the inner loop.
template <class Port, class Theirs, class Body>
inline void each_run(const Array& array, int count, Body body) {
  constexpr int64_t size = sizeof(Theirs);
  if constexpr (Port::sample < 0) {
    each_element<Port>(array.strides, 0, 0, [&](int64_t from, int64_t to) { body(from, to, 1); });
  } else {
    const int64_t theirs = array.strides[Port::sample], ours = Port::strides[Port::sample];
    if (Port::rank > 1 && theirs < array.strides[Port::rank - 1 - (Port::sample == Port::rank - 1)]) {
      each_element<Port>(array.strides, 0, 0, [&](int64_t from, int64_t to) {
        if (theirs == size && ours == 1) return body(from, to, count);
        for (int s = 0; s < count; ++s) body(from + s * theirs, to + s * ours, 1);
      });
    } else if (is_run<Port>(Port::strides, 1) && is_run<Port>(array.strides, size)) {
      for (int s = 0; s < count; ++s) body(s * theirs, s * ours, elements_of_a_sample<Port>());
    } else {
      for (int s = 0; s < count; ++s)
        each_element<Port>(array.strides, s * theirs, s * ours, [&](int64_t from, int64_t to) { body(from, to, 1); });
    }
  }
}

// Numbers that follow each other, of another type: vectors are written by hand here, too.
template <class From, class To>
inline void convert(const From* from, To* to, int count) {
  constexpr int lanes = 8;
  using Source [[gnu::vector_size(lanes * sizeof(From))]] = From;
  using Target [[gnu::vector_size(lanes * sizeof(To))]] = To;
  int i = 0;
  for (; i + lanes <= count; i += lanes) {
    Source source;
    __builtin_memcpy(&source, from + i, sizeof source);
    const Target target = __builtin_convertvector(source, Target);
    __builtin_memcpy(to + i, &target, sizeof target);
  }
  for (; i < count; ++i) to[i] = static_cast<To>(from[i]);
}

template <class Port, class Theirs>
inline void copy_in(const Array& array, const char* from, int count, int rows, typename Port::Number* to) {
  each_run<Port, Theirs>(array, count, [&](int64_t theirs, int64_t ours, int n) {
    convert(reinterpret_cast<const Theirs*>(from + theirs), to + ours, n);
  });
  // Samples that are none repeat the last one: nobody sees their results, but what the workspace holds might be slow to compute with.
  if constexpr (Port::sample >= 0) {
    constexpr int64_t step = Port::strides[Port::sample];
    constexpr int64_t none[Port::rank + 1] = {};
    for (int s = count; s < rows; ++s)
      each_element<Port>(none, 0, 0, [&](int64_t, int64_t ours) { to[ours + s * step] = to[ours + (count - 1) * step]; });
  }
}

template <class Port, class Theirs>
inline void copy_out(const Array& array, char* to, int count, const typename Port::Number* from) {
  each_run<Port, Theirs>(array, count, [&](int64_t theirs, int64_t ours, int n) {
    convert(from + ours, reinterpret_cast<Theirs*>(to + theirs), n);
  });
}

// Calls body with a number of the type that the caller's array has.
template <class Port, class Body>
inline void with_their_type(const Array& array, Body body) {
  if constexpr (Port::dtype == kFloat || Port::dtype == kDouble) {
    if (array.dtype == kFloat) body(float{});
    else body(double{});
  } else if constexpr (Port::dtype == 0 || Port::dtype == 10) {
    body(uint8_t{});
  } else if constexpr (Port::dtype == 1) {
    body(int8_t{});
  } else if constexpr (Port::dtype == 2) {
    body(int16_t{});
  } else if constexpr (Port::dtype == 3) {
    body(int32_t{});
  } else {
    body(int64_t{});
  }
}

template <class Port>
inline int64_t begin_of(const Array& array, int64_t first) {
  if constexpr (Port::sample < 0) return 0;
  else return first * array.strides[Port::sample];
}

// An input of a block: where it lies, or a copy.
template <class Port>
inline const void* input_of(const Array& array, bool right, int64_t first, int count, int rows, char* work) {
  const char* from = array.data + begin_of<Port>(array, first);
  if (right && (Port::sample < 0 || count == rows)) return from;
  auto* const to = at<typename Port::Number>(work, Port::place);
  with_their_type<Port>(array, [&](auto number) { copy_in<Port, decltype(number)>(array, from, count, rows, to); });
  return to;
}

template <class Port>
inline void* output_of(const Array& array, bool right, int64_t first, int count, int rows, char* work) {
  if (right && (Port::sample < 0 || count == rows)) return array.data + begin_of<Port>(array, first);
  return work + Port::place;
}

template <class Port>
inline void deliver(const Array& array, bool right, int64_t first, int count, int rows, char* work) {
  if (right && (Port::sample < 0 || count == rows)) return;
  char* const to = array.data + begin_of<Port>(array, first);
  const auto* from = at<typename Port::Number>(work, Port::place);
  with_their_type<Port>(array, [&](auto number) { copy_out<Port, decltype(number)>(array, to, count, from); });
}

template <class Network, class... Inputs, class... Outputs>
inline void run_block(List<Inputs...>, List<Outputs...>, const Array* inputs, const Array* outputs, const bool* right_in,
                      const bool* right_out, int64_t first, int count, const char* packed, char* work) {
  constexpr int rows = Network::rows;
  int i = 0, o = 0, d = 0;
  const void* const x[sizeof...(Inputs) + 1] = {
      (static_cast<void>(++i), input_of<Inputs>(inputs[i - 1], right_in[i - 1], first, count, rows, work))..., nullptr};
  void* const y[sizeof...(Outputs) + 1] = {
      (static_cast<void>(++o), output_of<Outputs>(outputs[o - 1], right_out[o - 1], first, count, rows, work))..., nullptr};
  Network::compute(x, y, packed, work);
  ((deliver<Outputs>(outputs[d], right_out[d], first, count, rows, work), ++d), ...);
}

// Computes samples from `first` on in whole blocks, and what is left too if `also_part`; returns the first one not computed.
template <class Network>
inline int64_t run_blocks(const Array* inputs, const Array* outputs, int64_t first, int64_t last, bool also_part,
                          const char* packed, char* work) {
  constexpr int rows = Network::rows;
  if (last - first < (also_part ? 1 : rows)) return first;
  const typename Network::Inputs in;
  const typename Network::Outputs out;
  bool right_in[in.count + 1], right_out[out.count + 1];
  find_right(in, inputs, right_in);
  find_right(out, outputs, right_out);
  for (; last - first >= rows; first += rows)
    run_block<Network>(in, out, inputs, outputs, right_in, right_out, first, rows, packed, work);
  if (!also_part || first == last) return first;
  run_block<Network>(in, out, inputs, outputs, right_in, right_out, first, static_cast<int>(last - first), packed, work);
  return last;
}

}  // namespace
