/* Threads that compute with tensors and a model while others delete, replace, save and load them. Every answer is either right
 * or the status of a stale handle. Arguments: a model of one input [batch,5] and one output [batch,3], a folder, how often
 * tensors and how often models are replaced. Prints "answers N refused N"; exits with 1 and a line for what was wrong. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctorch.h"

enum { TENSORS = 3, EXTENT = 60000, MODELS = 2 };

static _Atomic uint64_t tensors[TENSORS], models[MODELS];
static atomic_int finished, answers, refused, wrong;
static const char *model_path;
static char state_path[4096], copy_path[4096];
static int tensor_rounds, model_rounds;

static void complain(const char *what, int32_t status, double got) {
  const char *text = "";
  int64_t length = 0;
  ctorch_last_error(&text, &length);
  printf("%s: status %d, value %g, message '%.*s'\n", what, (int)status, got, (int)length, text);
  atomic_fetch_add(&wrong, 1);
}

static void note(const char *what, int32_t status, double got, int right) {
  if (status == CTORCH_ERROR_HANDLE)
    atomic_fetch_add(&refused, 1);
  else if (status != CTORCH_SUCCESS || !right)
    complain(what, status, got);
  else
    atomic_fetch_add(&answers, 1);
}

/* Every element of a tensor is one whole number: so is the mean, if nobody has written into the memory meanwhile. */
static void *read_tensors(void *number) {
  for (unsigned k = (unsigned)(size_t)number; !atomic_load(&finished); ++k) {
    const ctorch_tensor shared = {atomic_load(&tensors[k % TENSORS])};
    ctorch_tensor mean = {0};
    double value = 0.5;
    int32_t status = ctorch_tensor_mean(&shared, &mean);
    const int32_t of_mean = status;
    ctorch_operand item;
    if (status == CTORCH_SUCCESS) status = ctorch_tensor_item(&mean, &item);
    if (status == CTORCH_SUCCESS) value = item.real;
    note("mean", of_mean == CTORCH_SUCCESS && status == CTORCH_ERROR_HANDLE ? CTORCH_ERROR_INTERNAL : status, value,
         value == (double)(long)value && value >= 1);
    ctorch_tensor_delete(&mean);
  }
  return NULL;
}

static void *replace_tensors(void *unused) {
  const int64_t shape[1] = {EXTENT};
  for (int k = 0; k < tensor_rounds; ++k) {
    ctorch_tensor made = {0};
    const int32_t status = ctorch_tensor_full_real(1 + k % 100, 1, shape, CTORCH_DTYPE_FLOAT64, 0, -1, 0, &made);
    if (status != CTORCH_SUCCESS) complain("full", status, k);
    ctorch_tensor old = {atomic_exchange(&tensors[k % TENSORS], made.id)};
    ctorch_tensor_delete(&old);
  }
  return unused;
}

static ctorch_array array_of(float *data, int64_t rows, int64_t columns) {
  ctorch_array array;
  memset(&array, 0, sizeof array);
  array.data = data;
  array.rank = 2;
  array.shape[0] = rows;
  array.shape[1] = columns;
  array.byte_strides[0] = 4 * columns;
  array.byte_strides[1] = 4;
  array.dtype = CTORCH_DTYPE_FLOAT32;
  array.element_bytes = 4;
  return array;
}

static void *infer(void *number) {
  float x[20][5], y[20][3];
  for (int i = 0; i < 20; ++i)
    for (int j = 0; j < 5; ++j) x[i][j] = 1;
  const ctorch_array in = array_of(x[0], 20, 5), out = array_of(y[0], 20, 3);
  for (unsigned k = (unsigned)(size_t)number; !atomic_load(&finished); ++k) {
    const ctorch_model shared = {atomic_load(&models[k % MODELS])};
    y[19][2] = 0;
    const int32_t status = ctorch_model_infer(&shared, &in, &out, 0);
    note("infer", status, y[19][2], y[19][2] == 47); /* 3 (1 + ... + 5) + 2 */
  }
  return NULL;
}

static void load(int place) {
  ctorch_model made = {0};
  const int32_t status = ctorch_model_load(model_path, (int64_t)strlen(model_path), 0, -1, 0, 0, 0, NULL, 0, 0, &made);
  if (status != CTORCH_SUCCESS) complain("load", status, place);
  ctorch_model old = {atomic_exchange(&models[place], made.id)};
  ctorch_model_delete(&old);
}

static void *replace_models(void *unused) {
  for (int k = 0; k < model_rounds; ++k) load(k % MODELS);
  atomic_store(&finished, 1);
  return unused;
}

static void *use_state(void *unused) {
  for (unsigned k = 0; !atomic_load(&finished); ++k) {
    const ctorch_model shared = {atomic_load(&models[k % MODELS])};
    note("save", ctorch_model_save(&shared, copy_path, (int64_t)strlen(copy_path)), k, 1);
    note("load_state", ctorch_model_load_state(&shared, state_path, (int64_t)strlen(state_path), 1), k, 1);
    note("train", ctorch_model_set_training(&shared, 1), k, 1);
    note("eval", ctorch_model_set_training(&shared, 0), k, 1);
    double difference = 1;
    const int32_t status = ctorch_model_self_test(&shared, &difference);
    note("self test", status, difference, difference == 0);
  }
  return unused;
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  model_path = argv[1];
  snprintf(state_path, sizeof state_path, "%s/state.pt", argv[2]);
  snprintf(copy_path, sizeof copy_path, "%s/copy.pt", argv[2]);
  tensor_rounds = atoi(argv[3]);
  model_rounds = atoi(argv[4]);
  for (int k = 0; k < MODELS; ++k) load(k);
  const int rounds = tensor_rounds;
  tensor_rounds = TENSORS;
  replace_tensors(NULL);
  tensor_rounds = rounds;
  const ctorch_model first = {atomic_load(&models[0])};
  int32_t status = ctorch_model_save_state(&first, state_path, (int64_t)strlen(state_path));
  if (status != CTORCH_SUCCESS) complain("save_state", status, 0);

  void *(*const jobs[])(void *) = {read_tensors, read_tensors, infer, infer, use_state, replace_tensors, replace_models};
  enum { JOBS = sizeof jobs / sizeof *jobs };
  pthread_t threads[JOBS];
  for (size_t k = 0; k < JOBS; ++k)
    if (pthread_create(&threads[k], NULL, jobs[k], (void *)k)) return 2;
  for (size_t k = 0; k < JOBS; ++k) pthread_join(threads[k], NULL);

  for (int k = 0; k < TENSORS; ++k) ctorch_tensor_delete(&(ctorch_tensor){atomic_load(&tensors[k])});
  for (int k = 0; k < MODELS; ++k) ctorch_model_delete(&(ctorch_model){atomic_load(&models[k])});
  int64_t left = -1;
  ctorch_live_handles(CTORCH_HANDLE_ANY, &left);
  if (left != 0) complain("handles left", 0, (double)left);
  printf("answers %d refused %d\n", atomic_load(&answers), atomic_load(&refused));
  return atomic_load(&wrong) ? 1 : 0;
}
