// What one core can do at most: multiplications with additions in registers, as many as the processor starts at once. Prints
// the operations of a second in single and in double precision.
#include <chrono>
#include <cstdio>

namespace {

#if defined(__AVX512F__)
constexpr int bytes = 64;
#elif defined(__AVX__)
constexpr int bytes = 32;
#else
constexpr int bytes = 16;
#endif
constexpr int chains = 12;  // more than the latency of one multiplication and addition times those that start at once
constexpr long steps = 2000000;

template <class Real>
double best() {
  using Vector [[gnu::vector_size(bytes)]] = Real;
  constexpr double operations = 2.0 * steps * chains * (bytes / sizeof(Real));
  double most = 0;
  volatile Real start = Real(1), factor = Real(0.999), addend = Real(0.001);
  for (int attempt = 0; attempt < 20; ++attempt) {
    const Vector a = Vector{} + factor, b = Vector{} + addend;
    Vector sums[chains];
    for (Vector& sum : sums) sum = Vector{} + start;
    const auto begin = std::chrono::steady_clock::now();
    for (long step = 0; step < steps; ++step) {
#pragma GCC unroll 12
      for (int i = 0; i < chains; ++i) sums[i] = sums[i] * a + b;
    }
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    for (const Vector& sum : sums) start = sum[0] > 2 ? sum[0] : start;  // so that it is computed
    const double rate = operations / taken.count();
    most = rate > most ? rate : most;
  }
  return most;
}

}  // namespace

int main() { std::printf("%.0f %.0f\n", best<float>(), best<double>()); }
