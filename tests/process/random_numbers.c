/* The program draws random numbers in one thread while the library loads, tests, saves and copies models in another. What it
 * draws must be what it draws when nothing else happens. Arguments: how many numbers, a folder, models in it. Prints the
 * rounds. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctorch.h"

enum { STRIDE = 100, TESTS = 20 };

static atomic_int drawn_all, done;
static int count;

static void must(int32_t status, const char *what) {
  if (status == CTORCH_SUCCESS) return;
  const char *text = "";
  int64_t length = 0;
  ctorch_last_error(&text, &length);
  printf("%s failed: %.*s\n", what, (int)length, text);
  exit(2);
}

/* Beside the other thread: so slowly that each hundred of them meets something of its work. */
static void *draw(void *numbers) {
  const int64_t shape[1] = {1};
  const int beside = atomic_load(&drawn_all) == 0;
  for (int k = 0; k < count; ++k) {
    if (beside && k % STRIDE == 0)
      for (const int before = atomic_load(&done); atomic_load(&done) == before;) sched_yield();
    ctorch_tensor one = {0};
    ctorch_operand value;
    must(ctorch_op_rand(shape, 1, CTORCH_DTYPE_FLOAT64, CTORCH_DEVICE_CPU, -1, CTORCH_LIFETIME_NAMED, &one), "rand");
    must(ctorch_tensor_item(&one, &value), "item");
    ((double *)numbers)[k] = value.real;
    ctorch_tensor_delete(&one);
  }
  atomic_store(&drawn_all, 1);
  return numbers;
}

static void use_models(const char *folder, int n_models, char **names) {
  char path[4096], saved[4096];
  snprintf(saved, sizeof saved, "%s/saved.pt", folder);
  for (int k = 0; k < n_models; ++k) {
    ctorch_model model = {0}, copy = {0};
    double difference;
    snprintf(path, sizeof path, "%s/%s", folder, names[k]);
    must(ctorch_model_load(path, (int64_t)strlen(path), 0, -1, 0, 0, 0, NULL, 0, 1, &model), path);
    atomic_fetch_add(&done, 1);
    for (int n = 0; n < TESTS; ++n) {
      const int32_t status = ctorch_model_self_test(&model, &difference);
      const int noise = strncmp(names[k], "noise", 5) == 0;
      if (!noise) must(status, "self_test");
      if (noise && status == CTORCH_SUCCESS) printf("noise has been compared with a sample\n"), exit(2);
      atomic_fetch_add(&done, 1);
    }
    must(ctorch_model_copy(&model, &copy), "copy");
    ctorch_tensor weight = {0}; /* other weights: saving makes a new sample */
    if (ctorch_model_get_tensor(&copy, 0, "layer.weight", 12, &weight) == CTORCH_SUCCESS)
      must(ctorch_tensor_zero(&weight), "zero");
    ctorch_tensor_delete(&weight);
    must(ctorch_model_save(&copy, saved, (int64_t)strlen(saved)), "save");
    ctorch_model_delete(&copy);
    ctorch_model_delete(&model);
  }
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  count = atoi(argv[1]);
  double *alone = calloc((size_t)count, sizeof *alone), *beside = calloc((size_t)count, sizeof *beside);
  pthread_t thread;
  use_models(argv[2], argc - 3, argv + 3); /* what happens once has happened */
  must(ctorch_runtime_seed(7), "seed");
  atomic_store(&drawn_all, 1);
  draw(alone);
  atomic_store(&drawn_all, 0);
  must(ctorch_runtime_seed(7), "seed");
  if (pthread_create(&thread, NULL, draw, beside)) return 2;
  int rounds = 0;
  do use_models(argv[2], argc - 3, argv + 3);
  while (++rounds, !atomic_load(&drawn_all));
  pthread_join(thread, NULL);
  int other = 0;
  for (int k = 0; k < count; ++k) other += alone[k] != beside[k];
  printf("rounds %d other numbers %d\n", rounds, other);
  free(alone);
  free(beside);
  return other > 0;
}
