/*
 * A library with a parallel region, as compiled code has them: GCC's, or what Clang makes of one. It computes with a subnormal
 * number, and notes what word of control each thread does that with.
 */
#include <omp.h>
#include <stdint.h>

enum { room = 64 };
uint32_t words[room];
int64_t sums[room];

static void note(int64_t sum) {
  volatile float tiny = 1e-40f;
  tiny *= 0.5f;
  words[omp_get_thread_num()] = __builtin_ia32_stmxcsr() & 0xffc0;
  sums[omp_get_thread_num()] = sum;
}

#ifndef AS_CLANG

void run(int threads, int arguments) {
#pragma omp parallel num_threads(threads)
  note(arguments == 1 ? 7 : 780);
}

#else

typedef void (*outlined)(int32_t *, int32_t *, ...);
void __kmpc_fork_call(void *, int32_t, outlined, ...);
void __kmpc_push_num_threads(void *, int32_t, int32_t);
int32_t __kmpc_global_thread_num(void *);
static struct {
  int32_t reserved, flags, more[2];
  const char *text;
} place = {0, 2, {0, 0}, ";unknown;unknown;0;0;;"};

#define EIGHT(x) int64_t x##0, int64_t x##1, int64_t x##2, int64_t x##3, int64_t x##4, int64_t x##5, int64_t x##6, int64_t x##7
#define SUM(x) (x##0 + x##1 + x##2 + x##3 + x##4 + x##5 + x##6 + x##7)
#define FROM(n)                                                                                                           \
  (int64_t)n, (int64_t)(n + 1), (int64_t)(n + 2), (int64_t)(n + 3), (int64_t)(n + 4), (int64_t)(n + 5), (int64_t)(n + 6), \
      (int64_t)(n + 7)

static void one(int32_t *thread, int32_t *bound, int64_t a) {
  (void)thread, (void)bound;
  note(a);
}

static void forty(int32_t *thread, int32_t *bound, EIGHT(a), EIGHT(b), EIGHT(c), EIGHT(d), EIGHT(e)) {
  (void)thread, (void)bound;
  note(SUM(a) + SUM(b) + SUM(c) + SUM(d) + SUM(e));
}

void run(int threads, int arguments) {
  __kmpc_push_num_threads(&place, __kmpc_global_thread_num(&place), threads);
  if (arguments == 1)
    __kmpc_fork_call(&place, 1, (outlined)one, (int64_t)7);
  else
    __kmpc_fork_call(&place, 40, (outlined)forty, FROM(0), FROM(8), FROM(16), FROM(24), FROM(32));
}

#endif
