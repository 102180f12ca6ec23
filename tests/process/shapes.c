/*
 * shapes MODEL THREADS CALLS ROUNDS: in each round the threads make so many calls together, with images of random sizes, and
 * the resident memory is printed in kB.
 */
#include <ctorch.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { batch = 2, channels = 4, smallest = 3, range = 60, most = batch * channels * (smallest + range) * (smallest + range) };

static ctorch_model model;
static int calls;

static void check(int32_t status) {
  const char *text = "";
  int64_t length = 0;
  if (!status) return;
  ctorch_last_error(&text, &length);
  printf("%.*s\n", (int)length, text);
  exit(1);
}

static ctorch_tensor over(float *data, int64_t height, int64_t width) {
  const int64_t shape[] = {batch, channels, height, width}, strides[] = {channels * height * width, height * width, width, 1};
  ctorch_tensor tensor = {0};
  check(ctorch_tensor_from_blob(data, 4, shape, strides, CTORCH_DTYPE_FLOAT32, CTORCH_DEVICE_CPU, -1, 0, 0, &tensor));
  return tensor;
}

static void *compute(void *number) {
  unsigned seed = (unsigned)(size_t)number;
  float *x = calloc(most, sizeof *x), *y = calloc(most, sizeof *y);
  for (int i = 0; x && y && i < calls; ++i) {
    const int64_t height = smallest + rand_r(&seed) % range, width = smallest + rand_r(&seed) % range;
    ctorch_tensor input = over(x, height, width), output = over(y, height, width);
    check(ctorch_model_forward(&model, &input, 1, &output, 1, 0, 0, NULL, 0));
    check(ctorch_tensor_delete(&input));
    check(ctorch_tensor_delete(&output));
  }
  free(x);
  free(y);
  return NULL;
}

static long resident(void) {
  char line[256];
  long kilobytes = -1;
  FILE *status = fopen("/proc/self/status", "r");
  while (status && fgets(line, sizeof line, status))
    if (strncmp(line, "VmRSS:", 6) == 0) kilobytes = atol(line + 6);
  if (status) fclose(status);
  return kilobytes;
}

int main(int count, char **words) {
  if (count != 5) return 2;
  const int threads = atoi(words[2]), rounds = atoi(words[4]);
  calls = atoi(words[3]) / threads;
  check(ctorch_model_load(words[1], (int64_t)strlen(words[1]), CTORCH_DEVICE_CPU, -1, 0, 0, 0, NULL, 0, 0, &model));
  for (int round = 0; round < rounds; ++round) {
    pthread_t thread[64];
    for (int i = 0; i < threads && i < 64; ++i)
      if (pthread_create(&thread[i], NULL, compute, (void *)(size_t)(1 + i + 64 * round))) return 3;
    for (int i = 0; i < threads && i < 64; ++i) pthread_join(thread[i], NULL);
    printf("%ld\n", resident());
  }
  return 0;
}
