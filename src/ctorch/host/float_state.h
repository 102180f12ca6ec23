// The floating-point state of a thread: rounding, traps, flush-to-zero and status flags, by processor.
#pragma once
#if !defined(__x86_64__) && !defined(__aarch64__)
#include <cfenv>
#endif
#include <cstdint>

namespace ctorch {

// What becomes of subnormal numbers (below 1.2e-38 in float32), with which most processors compute a hundred times slower.
enum class Flush : int32_t { as_host = -1, off = 0, on = 1 };

// FloatWord is the part that vector arithmetic obeys, cheap to read and to load. In all kinds:
//   for_call     the state for a call: nothing traps, results are rounded to the nearest, no flag is set that tells of
//   subnormals serves       whether a call may run with this state as if it were that one: flags that nobody reads may differ
//   met_subnormals  whether arithmetic had subnormal operands that were not flushed
#if defined(__x86_64__)

struct FloatWord {
  uint32_t bits;  // MXCSR

  static FloatWord current() noexcept { return {__builtin_ia32_stmxcsr()}; }
  void load() const noexcept { __builtin_ia32_ldmxcsr(bits); }
  FloatWord for_call(Flush flush) const noexcept {
    return {all_masked | (flush == Flush::as_host ? bits & flush_both : flush == Flush::on ? flush_both : 0)};
  }
  bool serves(FloatWord wanted) const noexcept { return (bits & ~other_flags) == wanted.bits; }
  bool met_subnormals() const noexcept { return bits & denormal_flag; }
  bool operator==(const FloatWord&) const = default;

 private:
  static constexpr uint32_t all_masked = 0x1F80, flush_both = 0x8040, denormal_flag = 0x02, other_flags = 0x3D;
};

// MXCSR and the old x87 unit, which has traps, rounding and flags of its own and computes with long double.
class FloatState {
 public:
  static FloatState current() noexcept {
    FloatState now;
    now.sse_ = FloatWord::current();
    __asm__ volatile("fnstcw %0" : "=m"(now.x87_control_));
    __asm__ volatile("fnstsw %0" : "=m"(now.x87_status_));
    return now;
  }
  // `now` is what the thread has at present.
  void load(const FloatState& now) const noexcept {
    if (now.x87_control_ != x87_control_ || ((now.x87_status_ ^ x87_status_) & x87_flags_)) [[unlikely]]
      load_x87();
    sse_.load();
  }
  FloatState for_call(Flush flush) const noexcept {
    FloatState inside;
    inside.sse_ = sse_.for_call(flush);
    inside.x87_control_ = x87_default;
    inside.x87_flags_ = 0;
    return inside;
  }
  bool met_subnormals() const noexcept { return sse_.met_subnormals(); }

 private:
  void load_x87() const noexcept {
    struct {
      uint32_t control, status, rest[5];
    } unit;
    __asm__ volatile("fnstenv %0" : "=m"(unit));
    unit.control = (unit.control & ~0xFFFFU) | x87_control_;
    unit.status = (unit.status & ~uint32_t{x87_flags_}) | (x87_status_ & x87_flags_);
    __asm__ volatile("fldenv %0" : : "m"(unit));
  }
  static constexpr uint16_t x87_default = 0x037F;
  FloatWord sse_{};
  uint16_t x87_control_ = 0, x87_status_ = 0;
  uint16_t x87_flags_ = 0x3F;  // those of the status that matter
};

#elif defined(__aarch64__)

// FPCR in the low half, FPSR in the high one. The processor tells of subnormals only where it flushes them.
struct FloatWord {
  uint64_t bits;

  static FloatWord current() noexcept {
    uint64_t control, status;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    __asm__ volatile("mrs %0, fpsr" : "=r"(status));
    return {(control & 0xFFFFFFFF) | status << 32};
  }
  void load() const noexcept {
    __asm__ volatile("msr fpcr, %0" : : "r"(bits & 0xFFFFFFFF));
    __asm__ volatile("msr fpsr, %0" : : "r"(bits >> 32));
  }
  void load(const FloatWord&) const noexcept { load(); }
  FloatWord for_call(Flush flush) const noexcept {
    return {flush == Flush::as_host ? bits & flush_both : flush == Flush::on ? flush_both : 0};
  }
  bool serves(FloatWord wanted) const noexcept { return (bits & 0xFFFFFFFF) == (wanted.bits & 0xFFFFFFFF); }
  bool met_subnormals() const noexcept { return false; }
  bool operator==(const FloatWord&) const = default;

 private:
  static constexpr uint64_t flush_both = 1U << 24 | 1U << 19;  // of single and double, and of half precision
};
using FloatState = FloatWord;

#else

// What the standard library knows: default arithmetic inside, all as before afterwards; no flush to zero.
struct FloatWord {
  std::fenv_t environment;

  static FloatWord current() noexcept {
    FloatWord now;
    std::fegetenv(&now.environment);
    return now;
  }
  void load() const noexcept { std::fesetenv(&environment); }
  void load(const FloatWord&) const noexcept { load(); }
  FloatWord for_call(Flush) const noexcept {
    std::fesetenv(FE_DFL_ENV);
    const FloatWord inside = current();
    load();
    return inside;
  }
  bool serves(const FloatWord&) const noexcept { return false; }
  bool met_subnormals() const noexcept { return false; }
  bool operator==(const FloatWord&) const { return false; }
};
using FloatState = FloatWord;

#endif

}  // namespace ctorch
