/*
 * ending LIBRARY MODEL HOW THREADS: opens libctorch, computes with some threads without pause, and ends in the middle of it.
 * Not linked to the library, so that it can be closed, too.
 */
#define CTORCH_IS_THE_LIBRARY
#include <ctorch.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { code = 3, elements = 2 * 4 * 16 * 16, enough = 20 };

static int32_t (*load)(const char *, int64_t, int32_t, int32_t, int32_t, int32_t, int32_t, const char *, int64_t, int32_t,
                       ctorch_model *);
static int32_t (*from_blob)(void *, int32_t, const int64_t[], const int64_t[], int32_t, int32_t, int32_t, int32_t, int32_t,
                            ctorch_tensor *);
static int32_t (*forward)(const ctorch_model *, const ctorch_tensor[], int32_t, ctorch_tensor[], int32_t, int32_t, int32_t,
                          const char *, int64_t);

static ctorch_model model;
static atomic_long calls;

static void *compute(void *nothing) {
  const int64_t shape[] = {2, 4, 16, 16}, strides[] = {1024, 256, 16, 1};
  float x[elements] = {1}, y[elements];
  ctorch_tensor input = {0}, output = {0};
  if (from_blob(x, 4, shape, strides, CTORCH_DTYPE_FLOAT32, CTORCH_DEVICE_CPU, -1, 0, 0, &input)) abort();
  if (from_blob(y, 4, shape, strides, CTORCH_DTYPE_FLOAT32, CTORCH_DEVICE_CPU, -1, 0, 0, &output)) abort();
  for (;; ++calls)
    if (forward(&model, &input, 1, &output, 1, 0, 0, NULL, 0)) abort();
  return nothing;
}

static void await(long more) {
  const struct timespec moment = {0, 1000000};
  const long until = calls + more;
  while (calls < until) nanosleep(&moment, NULL);
}

int main(int count, char **words) {
  void *library = count == 5 ? dlopen(words[1], RTLD_NOW) : NULL;
  if (!library) return 90;
  *(void **)&load = dlsym(library, "ctorch_model_load");
  *(void **)&from_blob = dlsym(library, "ctorch_tensor_from_blob");
  *(void **)&forward = dlsym(library, "ctorch_model_forward");
  const int64_t length = (int64_t)strlen(words[2]);
  if (load(words[2], length, CTORCH_DEVICE_CPU, -1, 0, 0, 0, NULL, 0, 0, &model)) return 91;
  const char *how = words[3];
  const int threads = atoi(words[4]);
  for (int i = 0; i < threads; ++i) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, compute, NULL)) return 92;
  }
  if (threads) await(enough);
  if (strcmp(how, "exit") == 0) exit(code);
  if (strcmp(how, "quick_exit") == 0) quick_exit(code);
  if (strcmp(how, "terminate") == 0) raise(SIGTERM);
  if (strcmp(how, "interrupt") == 0) raise(SIGINT);
  if (strcmp(how, "close") == 0) {
    dlclose(library);
    if (threads) await(enough);
  }
  return code;
}
