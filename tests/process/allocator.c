/*
 * allocator LIBCTORCH [LIBTORCH_CPU]: a host that loads PyTorch itself, if it is given one, and then calls the library. Prints
 * whether PyTorch's allocator on the CPU is its own.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>

int main(int count, char **words) {
  if (count > 2 && !dlopen(words[2], RTLD_NOW | RTLD_GLOBAL)) return 2;
  void *library = dlopen(words[1], RTLD_NOW);
  if (!library) return 3;
  int32_t (*live_handles)(int32_t, int64_t *);
  *(void **)&live_handles = dlsym(library, "ctorch_live_handles");
  int64_t live = -1;
  if (live_handles(0, &live) != 0) return 4;
  void *c10 = dlopen("libc10.so", RTLD_NOW | RTLD_NOLOAD);
  if (!c10) return 5;
  void *(*in_use)(void), *(*own)(void);
  *(void **)&in_use = dlsym(c10, "_ZN3c1015GetCPUAllocatorEv");
  *(void **)&own = dlsym(c10, "_ZN3c1022GetDefaultCPUAllocatorEv");
  printf("%s\n", in_use() == own() ? "own" : "pool");
  return 0;
}
