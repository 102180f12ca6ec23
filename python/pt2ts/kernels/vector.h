// Vectors of the CPU that a kernel is compiled for: GCC's vector extensions, so that one text serves every instruction set.
// FTORCH_KERNEL_REAL is float or double: a kernel includes this and what follows in a namespace for each that it computes in.
namespace {

using real = FTORCH_KERNEL_REAL;
using integer = std::conditional_t<sizeof(real) == 4, int32_t, int64_t>;

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif
constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(real));

typedef real vec __attribute__((vector_size(kVectorBytes)));
typedef integer mask __attribute__((vector_size(kVectorBytes)));
typedef float vec_float __attribute__((vector_size(kVectorBytes)));
typedef double vec_double __attribute__((vector_size(kVectorBytes)));
typedef int32_t mask_float __attribute__((vector_size(kVectorBytes)));
typedef long long mask_double __attribute__((vector_size(kVectorBytes)));
typedef real vec_in_memory __attribute__((vector_size(kVectorBytes), aligned(sizeof(real)), may_alias));

// Which lanes of a vector are meant: all of them, or the first Count.
template <int Count>
struct Lanes {
  static constexpr int count = Count;
  static constexpr bool all = Count == kLanes;
};
using All = Lanes<kLanes>;

inline vec splat(real value) { return value - vec{}; }
inline vec load(const real* from) { return *reinterpret_cast<const vec_in_memory*>(from); }
inline void store(real* to, vec value) { *reinterpret_cast<vec_in_memory*>(to) = value; }

template <int Count>
inline mask first_lanes() {
  mask lanes;
  for (int i = 0; i < kLanes; ++i) lanes[i] = i < Count ? -1 : 0;
  return lanes;
}

// Reads only the lanes that are meant, the others are zero.
template <int Count>
inline vec load(Lanes<Count>, const real* from) {
  if constexpr (Count == kLanes) {
    return load(from);
  } else {
#if defined(__AVX512F__)
    if constexpr (sizeof(real) == 4) return reinterpret_cast<vec>(_mm512_maskz_loadu_ps((1 << Count) - 1, from));
    if constexpr (sizeof(real) == 8) return reinterpret_cast<vec>(_mm512_maskz_loadu_pd((1 << Count) - 1, from));
#elif defined(__AVX__)
    const mask lanes = first_lanes<Count>();
    if constexpr (sizeof(real) == 4) return (vec)__builtin_ia32_maskloadps256((vec_float*)from, (mask_float)lanes);
    if constexpr (sizeof(real) == 8) return (vec)__builtin_ia32_maskloadpd256((vec_double*)from, (mask_double)lanes);
#else
    vec value{};
    for (int i = 0; i < Count; ++i) value[i] = from[i];
    return value;
#endif
  }
}

template <int Count>
inline void store(Lanes<Count>, real* to, vec value) {
  if constexpr (Count == kLanes) {
    store(to, value);
  } else if constexpr (Count == 1) {
    *to = value[0];
  } else {
#if defined(__AVX512F__)
    if constexpr (sizeof(real) == 4) _mm512_mask_storeu_ps(to, (1 << Count) - 1, reinterpret_cast<__m512>(value));
    if constexpr (sizeof(real) == 8) _mm512_mask_storeu_pd(to, (1 << Count) - 1, reinterpret_cast<__m512d>(value));
#elif defined(__AVX__)
    const mask lanes = first_lanes<Count>();
    if constexpr (sizeof(real) == 4) __builtin_ia32_maskstoreps256((vec_float*)to, (mask_float)lanes, (vec_float)value);
    if constexpr (sizeof(real) == 8) __builtin_ia32_maskstorepd256((vec_double*)to, (mask_double)lanes, (vec_double)value);
#else
    for (int i = 0; i < Count; ++i) to[i] = value[i];
#endif
  }
}

// Elements that are not neighbours in memory.
template <int Count>
inline vec load(Lanes<Count>, const real* from, int64_t stride) {
  vec value{};
#pragma GCC unroll 16
  for (int i = 0; i < Count; ++i) value[i] = from[i * stride];
  return value;
}

template <int Count>
inline void store(Lanes<Count>, real* to, int64_t stride, vec value) {
#pragma GCC unroll 16
  for (int i = 0; i < Count; ++i) to[i * stride] = value[i];
}

// Calls body(lanes, first) for Size neighbouring elements: whole vectors, then what remains.
template <int Size, class Body>
inline void over_lanes(Body body) {
  constexpr int whole = Size / kLanes * kLanes;
  for (int first = 0; first < whole; first += kLanes) body(All{}, first);
  if constexpr (whole < Size) body(Lanes<Size - whole>{}, whole);
}

// Larger and smaller of two, NaN if the second is NaN. One instruction on x86, which the compiler cannot choose because of NaN.
inline vec larger(vec a, vec b) {
#if defined(__AVX512F__)
  if constexpr (sizeof(real) == 4) return reinterpret_cast<vec>(_mm512_max_ps((__m512)a, (__m512)b));
  if constexpr (sizeof(real) == 8) return reinterpret_cast<vec>(_mm512_max_pd((__m512d)a, (__m512d)b));
#elif defined(__AVX__)
  if constexpr (sizeof(real) == 4) return (vec)__builtin_ia32_maxps256((vec_float)a, (vec_float)b);
  if constexpr (sizeof(real) == 8) return (vec)__builtin_ia32_maxpd256((vec_double)a, (vec_double)b);
#else
  return a > b ? a : b;
#endif
}

inline vec smaller(vec a, vec b) {
#if defined(__AVX512F__)
  if constexpr (sizeof(real) == 4) return reinterpret_cast<vec>(_mm512_min_ps((__m512)a, (__m512)b));
  if constexpr (sizeof(real) == 8) return reinterpret_cast<vec>(_mm512_min_pd((__m512d)a, (__m512d)b));
#elif defined(__AVX__)
  if constexpr (sizeof(real) == 4) return (vec)__builtin_ia32_minps256((vec_float)a, (vec_float)b);
  if constexpr (sizeof(real) == 8) return (vec)__builtin_ia32_minpd256((vec_double)a, (vec_double)b);
#else
  return a < b ? a : b;
#endif
}

inline vec select(mask condition, vec yes, vec no) { return condition ? yes : no; }
inline mask all_lanes(bool value) { return mask{} - static_cast<integer>(value ? 1 : 0); }

// Whatever operand is NaN, so is the result, as in PyTorch.
inline vec maximum(vec a, vec b) { return select(a != a, a, larger(a, b)); }
inline vec minimum(vec a, vec b) { return select(a != a, a, smaller(a, b)); }

// Sums and extremes. A reduction has a neutral element, a step for vectors and one across the lanes.
struct Sum {
  static vec neutral() { return vec{}; }
  static vec step(vec a, vec b) { return a + b; }
};
struct Maximum {
  static vec neutral() { return splat(-static_cast<real>(INFINITY)); }
  static vec step(vec a, vec b) { return maximum(a, b); }
};
struct Minimum {
  static vec neutral() { return splat(static_cast<real>(INFINITY)); }
  static vec step(vec a, vec b) { return minimum(a, b); }
};
struct Product {
  static vec neutral() { return splat(1); }
  static vec step(vec a, vec b) { return a * b; }
};

template <class Reduction, int Width = kLanes / 2>
inline vec across(vec value) {
  if constexpr (Width == 0) {
    return value;
  } else {
    mask order;
    for (int i = 0; i < kLanes; ++i) order[i] = i ^ Width;
    return across<Reduction, Width / 2>(Reduction::step(value, __builtin_shuffle(value, order)));
  }
}

// Reduces body(lanes, first) over Size neighbouring elements to a number, in every lane of the result.
template <class Reduction, int Size, class Body>
inline vec reduce_lanes(Body body) {
  constexpr int whole = Size / kLanes * kLanes;
  constexpr int partial = 4;
  vec total[partial];
  for (vec& part : total) part = Reduction::neutral();
  int first = 0;
  for (; first + partial * kLanes <= whole; first += partial * kLanes) {
    for (int i = 0; i < partial; ++i) total[i] = Reduction::step(total[i], body(All{}, first + i * kLanes));
  }
  for (; first < whole; first += kLanes) total[0] = Reduction::step(total[0], body(All{}, first));
  if constexpr (whole < Size) {
    const vec rest = body(Lanes<Size - whole>{}, whole);
    total[1] = Reduction::step(total[1], select(first_lanes<Size - whole>(), rest, Reduction::neutral()));
  }
  return across<Reduction>(Reduction::step(Reduction::step(total[0], total[1]), Reduction::step(total[2], total[3])));
}

}  // namespace
