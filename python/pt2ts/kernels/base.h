// What all parts of a kernel need, whatever numbers they compute with.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__AVX512F__)
#include <immintrin.h>  // half of the time that a small kernel takes to compile, so only where it must be
#endif

// A place in memory of our own.
template <class Number>
inline Number* at(char* memory, int64_t bytes) {
  return reinterpret_cast<Number*>(memory + bytes);
}
template <class Number>
inline const Number* at(const char* memory, int64_t bytes) {
  return reinterpret_cast<const Number*>(memory + bytes);
}
template <class Number>
inline Number* as(const void* array) {
  return static_cast<Number*>(const_cast<void*>(array));
}
