/*
 * Runs a kernel that was made for another processor: foreign_host KERNEL.so CALL, under an emulator.
 *
 * CALL has numbers of 8 bytes: workspace, packed, first, last; how many weights, inputs, outputs; then of each weight its
 * bytes and content, of each array its dtype, rank, strides, bytes and content. Outputs go to standard output.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { most = 1000, alignment = 64 };

typedef struct {
  void *data;
  const int64_t *byte_strides;
  int64_t dtype;
} array;

static FILE *call;

static int64_t number(void) {
  int64_t value;
  if (fread(&value, sizeof value, 1, call) != 1) exit(2);
  return value;
}

static void *aligned(int64_t bytes) {
  void *memory = aligned_alloc(alignment, ((size_t)bytes / alignment + 1) * alignment);
  if (!memory) exit(3);
  return memory;
}

static void *content(int64_t *bytes) {
  *bytes = number();
  void *memory = aligned(*bytes);
  if (fread(memory, 1, (size_t)*bytes, call) != (size_t)*bytes) exit(2);
  return memory;
}

static array described(int64_t *bytes) {
  array a = {.dtype = number()};
  const int64_t rank = number();
  int64_t *strides = aligned(rank * (int64_t)sizeof *strides);
  for (int64_t i = 0; i < rank; ++i) strides[i] = number();
  a.byte_strides = strides;
  a.data = content(bytes);
  return a;
}

int main(int argc, char **argv) {
  void *kernel = argc == 3 ? dlopen(argv[1], RTLD_NOW) : NULL;
  call = kernel ? fopen(argv[2], "rb") : NULL;
  if (!call) {
    fprintf(stderr, "%s\n", kernel ? argv[2] : dlerror());
    return 1;
  }
  void (*pack)(const void *const *, void *) = (void (*)(const void *const *, void *))dlsym(kernel, "ftorch_kernel_pack");
  void (*run)(const array *, const array *, const void *, void *, int64_t, int64_t) =
      (void (*)(const array *, const array *, const void *, void *, int64_t, int64_t))dlsym(kernel, "ftorch_kernel_run");
  const int64_t workspace = number(), packed = number(), first = number(), last = number();
  const int64_t weights = number(), inputs = number(), outputs = number();
  if (weights > most || inputs > most || outputs > most) return 2;
  const void *values[most];
  array in[most], out[most];
  int64_t bytes[most];
  for (int64_t i = 0; i < weights; ++i) values[i] = content(bytes);
  for (int64_t i = 0; i < inputs; ++i) in[i] = described(bytes);
  for (int64_t i = 0; i < outputs; ++i) out[i] = described(&bytes[i]);
  void *held = aligned(packed);
  pack(values, held);
  run(in, out, held, aligned(workspace), first, last);
  for (int64_t i = 0; i < outputs; ++i) fwrite(out[i].data, 1, (size_t)bytes[i], stdout);
  return 0;
}
