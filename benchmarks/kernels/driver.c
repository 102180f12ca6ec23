/* Times a kernel, and Fortran loops for the same network if there are some, in turns.
 *
 * Arguments: the kernel's library, a file of packed weights, bytes of workspace, file of inputs, shapes of the inputs
 * (1024x5,1024x1), of the outputs likewise, number of pairs, code of the dtype, samples that the kernel is told to compute, and
 * optionally the library of the loops, their weights and the batch. Prints the microseconds per call of both, one pair a line.
 */
#define _POSIX_C_SOURCE 200809L
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct array {
  void *data;
  const int64_t *byte_strides;
  int64_t dtype;
};
typedef void (*run_function)(const struct array *, const struct array *, const void *, void *, int64_t, int64_t);
typedef void (*loops_function)(const float *, float *, int32_t);

enum { MOST = 16, RANK = 8, FLOAT32 = 6, BLOCK_US = 400 };

static struct array inputs[MOST], outputs[MOST];
static void *packed, *workspace;
static int64_t samples, dtype;
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

/* Makes the arrays of some shapes, last index fastest, and copies their content if there is any. */
static void describe(char *shapes, const char *content, struct array *to) {
  char *next;
  for (char *word = strtok_r(shapes, ",", &next); word; word = strtok_r(NULL, ",", &next)) {
    int64_t sizes[RANK], *strides = memory(RANK * sizeof(int64_t));
    int rank = 0;
    for (char *end = word; *word; word = *end ? end + 1 : end) sizes[rank++] = strtol(word, &end, 10);
    int64_t bytes = dtype == FLOAT32 ? 4 : 8;
    for (int d = rank - 1; d >= 0; --d) strides[d] = bytes, bytes *= sizes[d];
    *to = (struct array){memory((size_t)bytes), strides, dtype};
    if (content) memcpy(to->data, content, (size_t)bytes), content += bytes;
    ++to;
  }
}

static void call_kernel(void) { run(inputs, outputs, packed, workspace, 0, samples); }
static void call_loops(void) { loops(inputs[0].data, outputs[0].data, batch); }

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
  if (count < 10) return 2;
  void *library = dlopen(arguments[1], RTLD_NOW);
  if (!library) return 2;
  *(void **)&run = dlsym(library, "ftorch_kernel_run");
  packed = content(arguments[2]);
  workspace = memory((size_t)atol(arguments[3]));
  dtype = atol(arguments[8]);
  samples = atol(arguments[9]);
  describe(arguments[5], content(arguments[4]), inputs);
  describe(arguments[6], NULL, outputs);
  const long pairs = atol(arguments[7]);
  long loop_calls = 0;
  if (count > 12) {
    void *other = dlopen(arguments[10], RTLD_NOW);
    if (!other) return 2;
    ((void (*)(const char *, int32_t))dlsym(other, "loops_read"))(arguments[11], (int32_t)strlen(arguments[11]));
    *(void **)&loops = dlsym(other, "loops_apply");
    batch = atoi(arguments[12]);
    loop_calls = calls_in_block(call_loops);
  }
  const long kernel_calls = calls_in_block(call_kernel);
  for (long pair = 0; pair < pairs; ++pair) {
    const double kernel = timed(call_kernel, kernel_calls);
    printf("%.6f %.6f\n", kernel, loop_calls ? timed(call_loops, loop_calls) : 0.0);
  }
  return 0;
}
