/* The word that controls floating-point arithmetic on this thread, flags and all. */
#include <stdint.h>

#if defined(__x86_64__)
int32_t float_word(void) { return (int32_t)__builtin_ia32_stmxcsr(); }
void set_float_word(int32_t word) { __builtin_ia32_ldmxcsr((uint32_t)word); }
#elif defined(__aarch64__)
int32_t float_word(void) {
  uint64_t word;
  __asm__ volatile("mrs %0, fpcr" : "=r"(word));
  return (int32_t)word;
}
void set_float_word(int32_t word) { __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)(uint32_t)word)); }
#else
int32_t float_word(void) { return 0; }
void set_float_word(int32_t word) { (void)word; }
#endif
