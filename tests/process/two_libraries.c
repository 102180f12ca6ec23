/* Two copies of the library in one process, in scopes of their own, and one libtorch under both: each has its own handles, and
 * memory that one has allocated may be freed after the other has taken over. Arguments: two paths of libctorch.so, a model. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctorch.h"

static void must(int right, const char *what) {
  if (right) return;
  printf("wrong: %s\n", what);
  exit(1);
}

#define ENTRY(name) __typeof__(&name) name
struct library {
  ENTRY(ctorch_model_load);
  ENTRY(ctorch_model_infer);
  ENTRY(ctorch_model_delete);
  ENTRY(ctorch_tensor_full_real);
  ENTRY(ctorch_tensor_mean);
  ENTRY(ctorch_tensor_item);
  ENTRY(ctorch_tensor_delete);
  ENTRY(ctorch_live_handles);
};

static struct library opened(const char *path) {
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!handle) printf("%s\n", dlerror());
  must(handle != NULL, "dlopen");
  struct library one;
#define FIND(name) must((*(void **)&one.name = dlsym(handle, #name)) != NULL, #name)
  FIND(ctorch_model_load);
  FIND(ctorch_model_infer);
  FIND(ctorch_model_delete);
  FIND(ctorch_tensor_full_real);
  FIND(ctorch_tensor_mean);
  FIND(ctorch_tensor_item);
  FIND(ctorch_tensor_delete);
  FIND(ctorch_live_handles);
  return one;
}

static void infers(const struct library *one, const ctorch_model *model) {
  float x[5] = {1, 1, 1, 1, 1}, y[3] = {0};
  ctorch_array in, out;
  memset(&in, 0, sizeof in);
  in.data = x;
  in.rank = 2;
  in.shape[0] = 1;
  in.shape[1] = 5;
  in.byte_strides[0] = 20;
  in.byte_strides[1] = 4;
  in.dtype = CTORCH_DTYPE_FLOAT32;
  in.element_bytes = 4;
  out = in;
  out.data = y;
  out.shape[1] = 3;
  out.byte_strides[0] = 12;
  must(one->ctorch_model_infer(model, &in, &out, 0) == CTORCH_SUCCESS, "infer");
  must(y[0] == 15 && y[1] == 31 && y[2] == 47, "the result");
}

static double mean_of(const struct library *one, const ctorch_tensor *tensor) {
  ctorch_tensor mean = {0};
  ctorch_operand value;
  must(one->ctorch_tensor_mean(tensor, &mean) == CTORCH_SUCCESS, "mean");
  must(one->ctorch_tensor_item(&mean, &value) == CTORCH_SUCCESS, "item");
  one->ctorch_tensor_delete(&mean);
  return value.real;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  struct library library[2];
  ctorch_model model[2] = {{0}, {0}};
  ctorch_tensor tensor[2] = {{0}, {0}};
  const int64_t shape[1] = {5000};
  for (int k = 0; k < 2; ++k) {
    library[k] = opened(argv[1 + k]);
    must(library[k].ctorch_model_load(argv[3], (int64_t)strlen(argv[3]), 0, -1, 0, 0, 0, NULL, 0, 0, &model[k]) == 0, "load");
    must(library[k].ctorch_tensor_full_real(k + 3, 1, shape, CTORCH_DTYPE_FLOAT32, 0, -1, 0, &tensor[k]) == 0, "full");
  }
  must(library[0].ctorch_model_load != library[1].ctorch_model_load, "there are two");
  for (int round = 0; round < 100; ++round)
    for (int k = 0; k < 2; ++k) {
      infers(&library[k], &model[k]);
      must(mean_of(&library[k], &tensor[k]) == k + 3, "the mean");
      ctorch_tensor more = {0};
      must(library[k].ctorch_tensor_full_real(round, 1, shape, CTORCH_DTYPE_FLOAT32, 0, -1, 0, &more) == 0, "full");
      library[k].ctorch_tensor_delete(&more);
    }
  for (int k = 0; k < 2; ++k) {
    library[k].ctorch_model_delete(&model[k]);
    library[k].ctorch_tensor_delete(&tensor[k]);
    int64_t left = -1;
    library[k].ctorch_live_handles(CTORCH_HANDLE_ANY, &left);
    must(left == 0, "handles are left");
  }
  printf("both\n");
  return 0;
}
