/* The BLAS of a host: its integers are as wide as INTEGER, its product of two matrices is right, and it counts all calls. */
#include <stdint.h>

static int calls;

int host_calls(void) { return calls; }

void dgemm_(const char *transa, const char *transb, const INTEGER *m, const INTEGER *n, const INTEGER *k, const double *alpha,
            const double *a, const INTEGER *lda, const double *b, const INTEGER *ldb, const double *beta, double *c,
            const INTEGER *ldc) {
  (void)transa, (void)transb;
  ++calls;
  if (*m != 3 || *n != 2 || *k != 4) return; /* not the host's */
  for (INTEGER i = 0; i < *m; ++i)
    for (INTEGER j = 0; j < *n; ++j) {
      double sum = 0;
      for (INTEGER l = 0; l < *k; ++l) sum += a[i + l * *lda] * b[l + j * *ldb];
      c[i + j * *ldc] = *alpha * sum + *beta * c[i + j * *ldc];
    }
}

/* Everything else that PyTorch defines too. */
int wrong_library(void) {
  ++calls;
  return 0;
}
#define FUNCTION(name) int name(void) __attribute__((alias("wrong_library")));
#define VARIABLE(name, size) char name[size];
#include NAMES
