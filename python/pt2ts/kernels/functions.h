// Elementary functions of vectors. Coefficients are Chebyshev fits of these very forms in 40-digit arithmetic (tanh in float: a
// rational fit, reweighted until its error is level). What is NaN stays NaN; infinities, overflow and denormals come out as
// they should.

namespace {

constexpr bool kSingle = sizeof(real) == 4;

template <class T>
inline auto chosen(const T& single, const auto& precise) {
  if constexpr (kSingle) {
    return single;
  } else {
    return precise;
  }
}

template <int Size>
struct Coefficients {
  double value[Size];
};
template <class... T>
Coefficients(T...) -> Coefficients<sizeof...(T)>;

// c0 + c1 x + c2 x^2 ...: pairs, pairs of pairs and so on, because a chain would have to wait for each of its links.
template <int First, int Size, int N>
inline vec pairs(const Coefficients<N>& c, const vec* powers) {
  if constexpr (Size == 1) {
    return splat(static_cast<real>(c.value[First]));
  } else {
    constexpr int level = Size > 16 ? 4 : Size > 8 ? 3 : Size > 4 ? 2 : Size > 2 ? 1 : 0;
    constexpr int half = 1 << level;
    return pairs<First + half, Size - half>(c, powers) * powers[level] + pairs<First, half>(c, powers);
  }
}

template <int N>
inline vec polynomial(vec x, const Coefficients<N>& c) {
  vec powers[5] = {x};
  powers[1] = powers[0] * powers[0];
  powers[2] = powers[1] * powers[1];
  powers[3] = powers[2] * powers[2];
  powers[4] = powers[3] * powers[3];
  return pairs<0, N>(c, powers);
}

inline mask bits(vec x) { return reinterpret_cast<mask>(x); }
inline vec from_bits(mask x) { return reinterpret_cast<vec>(x); }
constexpr int kMantissa = kSingle ? 23 : 52;
constexpr integer kBias = kSingle ? 127 : 1023;
constexpr integer kSign = kSingle ? static_cast<integer>(0x80000000u) : static_cast<integer>(0x8000000000000000ull);

inline vec absolute(vec x) { return from_bits(bits(x) & ~kSign); }
inline vec with_sign_of(vec magnitude, vec x) { return from_bits((bits(magnitude) & ~kSign) | (bits(x) & kSign)); }
inline vec is_nan_or(vec x, vec value) { return select(x != x, x, value); }
inline vec power_of_two(mask n) { return from_bits((n + kBias) << kMantissa); }

// The nearest integer of a number below 2^22 (2^51), as number and as integer: adding 1.5 x 2^23 (2^52) leaves it in the last
// bits.
struct Nearest {
  vec number;
  mask count;
};
inline Nearest nearest(vec x) {
  const vec magic = splat(static_cast<real>(kSingle ? 12582912.0 : 6755399441055744.0));
  const vec shifted = x + magic;
  return {shifted - magic, bits(shifted) - bits(magic)};
}

// exp(r) - 1 and the power of two of the rest, for |x| up to about 1000.
struct Reduced {
  vec fraction;
  mask exponent;
};
inline Reduced reduce_exponent(vec x) {
  const Nearest n = nearest(x * static_cast<real>(1.4426950408889634));
  const double high = kSingle ? 0.693145751953125 : 0.6931471803691238;
  const double low = kSingle ? 1.42860682030941723212e-6 : 1.9082149292705877e-10;
  const vec r = (x - n.number * static_cast<real>(high)) - n.number * static_cast<real>(low);
  const vec q = polynomial(
      r, chosen(Coefficients{0.5, 0.16666576266288757, 0.04166655242443085, 0.00836323294788599, 0.0013926250394433737},
                Coefficients{0.5, 0.16666666666666669, 0.041666666666623824, 0.008333333333330039, 0.0013888888917367081,
                             0.00019841269863171557, 2.4801521057868204e-05, 2.7557268276905696e-06, 2.7620201591031547e-07,
                             2.5100472505694996e-08}));
  return {r + r * r * q, n.count};
}

// Beyond these bounds exp is zero or infinite.
constexpr real kLowest = static_cast<real>(kSingle ? -104.0 : -746.0);
constexpr real kHighest = static_cast<real>(kSingle ? 89.0 : 710.0);

inline vec exponential(vec x) {
  const Reduced e = reduce_exponent(smaller(splat(kHighest), larger(splat(kLowest), x)));
  const mask half = e.exponent >> 1;  // in two steps, so that neither power leaves the range and denormal results are right
  return (e.fraction * power_of_two(half) + power_of_two(half)) * power_of_two(e.exponent - half);
}

// exp of numbers that are not positive, zero where it would be below the smallest normal number.
inline vec decay(vec x) {
  const vec lowest = splat(static_cast<real>(kSingle ? -87.0 : -708.0));
  const Reduced e = reduce_exponent(larger(lowest, x));
  const vec scale = power_of_two(e.exponent);
  return from_bits(bits(e.fraction * scale + scale) & ~(x < lowest));
}

inline vec exponential_minus_one(vec x) {
  const vec floor_at = splat(static_cast<real>(kSingle ? -18.0 : -38.0));
  const Reduced e = reduce_exponent(smaller(splat(kHighest), larger(floor_at, x)));
  const mask half = e.exponent >> 1;
  const vec a = power_of_two(half), b = power_of_two(e.exponent - half), inverse = power_of_two(half - e.exponent);
  return (e.fraction * a + (a - inverse)) * b;
}

inline vec sigmoid(vec x) {
  const vec small = decay(-absolute(x));
  return select(x < 0, small, splat(1)) / (1 + small);
}

inline vec tangent_h(vec x) {
  if constexpr (kSingle) {
    const vec bound = splat(static_cast<real>(9.02));
    const vec u = smaller(bound, larger(-bound, x));
    const vec z = u * u;
    const vec p = polynomial(z, Coefficients{0.9999999792091921, 0.13379666368882692, 0.003493972367627042,
                                             2.0582436746478457e-05, 1.3317613104684988e-08});
    const vec q = polynomial(
        z, Coefficients{1.0, 0.46712981684950766, 0.025870838825061908, 0.0003282990018978106, 7.761423427827879e-07});
    // Never beyond 1, where an inverse function would find no number, and exactly 1 where nothing else is near.
    const vec one = splat(1);
    return select(absolute(x) < bound, smaller(one, larger(-one, u * p / q)), select(x != x, x, with_sign_of(one, x)));
  } else {
    const vec magnitude = absolute(x);
    const Reduced e = reduce_exponent(2 * smaller(splat(20), magnitude));
    const vec scale = power_of_two(e.exponent);
    const vec minus_one = e.fraction * scale + (scale - 1);
    return is_nan_or(x, with_sign_of(minus_one / (minus_one + 2), x));
  }
}

// Sigmoid for the gates of recurrent layers: in float a shorter way, exact to 1e-7 of 1 but not relative to itself.
inline vec gate(vec x) {
  const real half = static_cast<real>(0.5);
  return kSingle ? tangent_h(x * half) * half + half : sigmoid(x);
}

inline vec logarithm(vec x) {
  const vec tiny = splat(kSingle ? static_cast<real>(1.17549435e-38f) : static_cast<real>(2.2250738585072014e-308));
  const mask denormal = x < tiny;
  const vec scaled = select(denormal, x * static_cast<real>(kSingle ? 8388608.0 : 4503599627370496.0), x);
  // The mantissa between sqrt(1/2) and sqrt(2).
  const integer root = kSingle ? 0x3f3504f3 : static_cast<integer>(0x3fe6a09e667f3bcdll);
  const mask exponent = (bits(scaled) - root) >> kMantissa;
  const vec f = from_bits(bits(scaled) - (exponent << kMantissa)) - 1;
  const vec n = __builtin_convertvector(exponent - (denormal & kMantissa), vec);
  const vec s = f / (f + 2), z = s * s, half_square = static_cast<real>(0.5) * f * f;
  const vec rest =
      z *
      polynomial(z, chosen(Coefficients{0.6666666865348816, 0.4000012278556824, 0.28550735116004944, 0.23332761228084564},
                           Coefficients{0.6666666666666666, 0.4000000000000089, 0.28571428570795937, 0.22222222393451754,
                                        0.18181795454619548, 0.15386249783145214, 0.13268503447792365, 0.1308944373626974}));
  const real high = static_cast<real>(kSingle ? 0.693145751953125 : 0.6931471803691238);
  const real low = static_cast<real>(kSingle ? 1.42860682030941723212e-6 : 1.9082149292705877e-10);
  vec result = n * high + (f - (half_square - (s * (half_square + rest) + n * low)));
  const real infinity = static_cast<real>(INFINITY);
  result = select(x == 0, splat(-infinity), result);
  result = select(x < 0, splat(static_cast<real>(NAN)), result);
  return select(x < infinity, result, x);
}

// log(1 + x): the rounding error of 1 + x is known exactly and put back.
inline vec logarithm_of_one_plus(vec x) {
  const vec w = 1 + x;
  const vec correction = (x - (w - 1)) / w;
  const mask plain = (w > 0) & (w < static_cast<real>(INFINITY));
  return logarithm(w) + select(plain, correction, splat(0));
}

// log(1 + exp(x)), PyTorch's softplus without its threshold, beyond which the two agree.
inline vec softplus(vec x) { return larger(splat(0), x) + logarithm_of_one_plus(decay(-absolute(x))); }

inline vec error_function(vec x) {
  const vec magnitude = absolute(x);
  const vec z = x * x;
  const vec small =
      x * polynomial(smaller(splat(1), z),
                     chosen(Coefficients{1.1283791065216064, -0.3761262595653534, 0.11283594369888306, -0.02685421146452427,
                                         0.005189087241888046, -0.000801686430349946, 7.875874871388078e-05},
                            Coefficients{1.1283791670955126, -0.3761263890318375, 0.11283791670954879, -0.026866170645076792,
                                         0.0052239776248180145, -0.000854832698083379, 0.0001205533111164271,
                                         -1.4925595266831182e-05, 1.6461000484121368e-06, -1.6350312701054695e-07,
                                         1.4659775274047436e-08, -1.1372848856791674e-09, 5.957176147748911e-11}));
  const vec bounded = smaller(splat(static_cast<real>(kSingle ? 4 : 6)), larger(splat(1), magnitude));
  const real centre = static_cast<real>(kSingle ? 2.0 : 2.5);
  const vec scaled = polynomial(
      (bounded - centre) / (bounded + centre),
      chosen(Coefficients{0.25539568066596985, -0.4271858334541321, 0.24165821075439453, -0.0789785236120224,
                          0.003732141340151429, 0.006994855590164661, -0.0008365899557247758, -0.0009441596339456737},
             Coefficients{0.2108063640611436, -0.37173673394897294, 0.2517131932174488, -0.12503305237891782,
                          0.03992253907546523, -0.003993701160123029, -0.0026423659518134547, 0.0008759152875774328,
                          0.0002283799633257643, -0.00012887483134837842, -3.4175718896856294e-05, 1.8596747731144528e-05,
                          7.499735050763299e-06, -2.2328516517555215e-06, -1.587633893127344e-06}));
  const vec large = with_sign_of(1 - scaled * decay(-bounded * bounded), x);
  return is_nan_or(x, select(magnitude < 1, small, large));
}

// sin(x + quarters * pi/2).
inline vec sine_of(vec x, integer quarters) {
  const Nearest n = nearest(x * static_cast<real>(0.6366197723675814));
  const double high = kSingle ? 1.5703125 : 1.5707963267341256;
  const double middle = kSingle ? 4.837512969970703125e-4 : 6.077100506303966e-11;
  const double low = kSingle ? 7.549789948768648e-8 : 2.0222662487959506e-21;
  const vec r =
      ((x - n.number * static_cast<real>(high)) - n.number * static_cast<real>(middle)) - n.number * static_cast<real>(low);
  const vec z = r * r;
  const vec sine =
      r + r * z *
              polynomial(z, chosen(Coefficients{-0.166666641831398, 0.008332736790180206, -0.0001958537322934717},
                                   Coefficients{-0.16666666666666666, 0.008333333333333331, -0.00019841269841264821,
                                                2.7557319219150783e-06, -2.5052106167335705e-08, 1.6058521349954986e-10,
                                                -7.586094789672621e-13}));
  const vec cosine =
      1 - (static_cast<real>(0.5) * z -
           z * z *
               polynomial(z, chosen(Coefficients{0.0416666641831398, -0.0013888290850445628, 2.454541936458554e-05},
                                    Coefficients{0.041666666666666664, -0.0013888888888888887, 2.480158730158451e-05,
                                                 -2.755731922129809e-07, 2.0876755754879594e-09, -1.1470455178216906e-11,
                                                 4.745537017319258e-14})));
  const mask quarter = n.count + quarters;
  const vec value = select((quarter & 1) == 0, sine, cosine);
  vec result = from_bits(bits(value) ^ (((quarter >> 1) & 1) << (8 * static_cast<int>(sizeof(real)) - 1)));
  // Larger arguments need more digits of pi than three numbers hold.
  const mask far = ~(absolute(x) < static_cast<real>(kSingle ? 1e4 : 1e6));
  for (int i = 0; i < kLanes; ++i) {
    if (__builtin_expect(far[i] != 0, 0)) result[i] = quarters == 0 ? std::sin(x[i]) : std::cos(x[i]);
  }
  return result;
}
inline vec sine(vec x) { return sine_of(x, 0); }
inline vec cosine(vec x) { return sine_of(x, 1); }

inline vec square_root(vec x) {
#if defined(__AVX512F__)
  if constexpr (kSingle) return reinterpret_cast<vec>(_mm512_sqrt_ps((__m512)x));
  if constexpr (!kSingle) return reinterpret_cast<vec>(_mm512_sqrt_pd((__m512d)x));
#elif defined(__AVX__)
  if constexpr (kSingle) return (vec)__builtin_ia32_sqrtps256((vec_float)x);
  if constexpr (!kSingle) return (vec)__builtin_ia32_sqrtpd256((vec_double)x);
#else
  vec result;
  for (int i = 0; i < kLanes; ++i) result[i] = std::sqrt(x[i]);
  return result;
#endif
}

// Functions that are rarely met: the C library, one lane after the other.
template <class Function>
inline vec each_lane(Function function, vec x) {
  vec result;
  for (int i = 0; i < kLanes; ++i) result[i] = function(x[i]);
  return result;
}
template <class Function>
inline vec each_lane(Function function, vec x, vec y) {
  vec result;
  for (int i = 0; i < kLanes; ++i) result[i] = function(x[i], y[i]);
  return result;
}

}  // namespace
