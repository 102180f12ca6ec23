/* Times a kernel, and Fortran loops for the same network if there are some, in turns.
 *
 * Arguments: the kernel's library, a file of packed weights, bytes of workspace, file of inputs, bytes of each input separated
 * by commas, bytes of outputs likewise, number of pairs, and optionally the library of the loops, their weights and the batch.
 * Prints the microseconds per call of both, one pair a line. */
#define _POSIX_C_SOURCE 200809L
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef void (*run_function)(const void *const *, void *const *, const void *, void *, const int64_t *);
typedef void (*loops_function)(const float *, float *, int32_t);

enum { MOST = 16, BLOCK_US = 400 };

static void *inputs[MOST], *outputs[MOST], *packed, *workspace;
static run_function run;
static loops_function loops;
static int32_t batch;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e6 + time.tv_nsec * 1e-3;
}

static void *memory(size_t bytes) { return aligned_alloc(64, (bytes + 127) / 64 * 64); }

static void *content(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) exit(2);
  fseek(file, 0, SEEK_END);
  const size_t bytes = (size_t)ftell(file);
  rewind(file);
  void *to = memory(bytes);
  if (fread(to, 1, bytes, file) != bytes) exit(2);
  fclose(file);
  return to;
}

static void call_kernel(void) { run((const void *const *)inputs, outputs, packed, workspace, NULL); }
static void call_loops(void) { loops(inputs[0], outputs[0], batch); }

/* Microseconds per call of so many calls. */
static double timed(void (*call)(void), long calls) {
  const double start = now();
  for (long i = 0; i < calls; ++i) call();
  return (now() - start) / calls;
}

static long calls_in_block(void (*call)(void)) {
  timed(call, 3);
  const double once = timed(call, 3);
  return once > BLOCK_US ? 1 : (long)(BLOCK_US / once);
}

int main(int count, char **arguments) {
  if (count < 8) return 2;
  void *library = dlopen(arguments[1], RTLD_NOW);
  if (!library) return 2;
  *(void **)&run = dlsym(library, "ftorch_kernel_run");
  packed = content(arguments[2]);
  workspace = memory((size_t)atol(arguments[3]));
  char *from = content(arguments[4]);
  int n = 0;
  for (char *word = strtok(arguments[5], ","); word; word = strtok(NULL, ",")) {
    inputs[n] = memory((size_t)atol(word));
    memcpy(inputs[n++], from, (size_t)atol(word));
    from += atol(word);
  }
  n = 0;
  for (char *word = strtok(arguments[6], ","); word; word = strtok(NULL, ",")) outputs[n++] = memory((size_t)atol(word));
  const long pairs = atol(arguments[7]);
  long loop_calls = 0;
  if (count > 10) {
    void *other = dlopen(arguments[8], RTLD_NOW);
    if (!other) return 2;
    ((void (*)(const char *, int32_t))dlsym(other, "loops_read"))(arguments[9], (int32_t)strlen(arguments[9]));
    *(void **)&loops = dlsym(other, "loops_apply");
    batch = atoi(arguments[10]);
    loop_calls = calls_in_block(call_loops);
  }
  const long kernel_calls = calls_in_block(call_kernel);
  for (long pair = 0; pair < pairs; ++pair) {
    const double kernel = timed(call_kernel, kernel_calls);
    printf("%.6f %.6f\n", kernel, loop_calls ? timed(call_loops, loop_calls) : 0.0);
  }
  return 0;
}
