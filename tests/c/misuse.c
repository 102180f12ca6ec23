/* Everything a C program can do wrong, through libctorch alone. Each check compares the status and a part of the message; the
 * program prints what differs and exits with the number of failures. Argument 1: a model file with one input [batch,5]; all
 * others: damaged files, which may load if the damage does not matter and are refused as files otherwise. */
#include <stdio.h>
#include <string.h>

#include "ctorch.h"

static int failures = 0;
static int checks = 0;

static const char *message(void) {
  static char copy[4096];
  const char *text = NULL;
  int64_t length = 0;
  if (ctorch_last_error(&text, &length) != CTORCH_SUCCESS) return "?";
  if (length > (int64_t)sizeof copy - 1) length = (int64_t)sizeof copy - 1;
  memcpy(copy, text, (size_t)length);
  copy[length] = '\0';
  return copy;
}

static void check(int line, int32_t got, int32_t status, const char *fragment) {
  ++checks;
  if (got == status && (status == CTORCH_SUCCESS || strstr(message(), fragment))) return;
  ++failures;
  printf("line %d: status %d, expected %d; message '%s', expected '%s'\n", line, (int)got, (int)status, message(), fragment);
}

#define FAILS(call, status, fragment) check(__LINE__, (call), CTORCH_ERROR_##status, fragment)
#define WORKS(call) check(__LINE__, (call), CTORCH_SUCCESS, "")
#define NULL_POINTER "is a null pointer"

static int64_t live(void) {
  int64_t count = -1;
  WORKS(ctorch_live_handles(CTORCH_HANDLE_ANY, &count));
  return count;
}

static ctorch_array array_of(float *data, int32_t rank, int64_t rows, int64_t columns) {
  ctorch_array array;
  memset(&array, 0, sizeof array);
  array.data = data;
  array.rank = rank;
  array.shape[0] = rows;
  array.shape[1] = columns;
  array.byte_strides[0] = 4;
  array.byte_strides[1] = (int64_t)(4 * (uint64_t)rows); /* of huge shapes whatever comes out */
  array.dtype = CTORCH_DTYPE_FLOAT32;
  array.element_bytes = 4;
  return array;
}

static void null_pointers(ctorch_tensor *t, ctorch_model *m) {
  const int64_t shape[1] = {2};
  float data[2] = {1, 2};
  ctorch_tensor none = {0};
  ctorch_request request = {0};
  ctorch_array a = array_of(data, 1, 2, 1);
  double real;
  int64_t integer;
  int32_t answer = 0;
  const char *text;
  FAILS(ctorch_last_error(NULL, NULL), ARGUMENT, "");
  FAILS(ctorch_runtime_version(NULL, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_runtime_torch_version(NULL, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_live_handles(CTORCH_HANDLE_ANY, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_runtime_get_threads(NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_device_count(CTORCH_DEVICE_CPU, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_device_memory(CTORCH_DEVICE_CPU, -1, &integer, &integer, &integer, &integer, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_event_record(NULL, CTORCH_DEVICE_CPU, -1), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_event_done(NULL, &answer), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_request_start(NULL, m, &a, 1, &a, 1, 0), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_request_start(&request, NULL, &a, 1, &a, 1, 0), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_request_start(&request, m, NULL, 1, &a, 1, 0), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_request_start(&request, m, &a, 0, &a, 1, 0), ARGUMENT, "no inputs or no outputs are given");
  FAILS(ctorch_request_wait(NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_request_wait(&request), HANDLE, "no call was started with this request");
  FAILS(ctorch_model_use_graphs(NULL, 1), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_model_graph_stats(m, &integer, &integer, NULL, &text, &integer), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_from_blob(data, 1, NULL, shape, CTORCH_DTYPE_FLOAT32, 0, -1, 0, 0, &none), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_from_blob(data, 1, shape, NULL, CTORCH_DTYPE_FLOAT32, 0, -1, 0, 0, &none), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_from_blob(NULL, 1, shape, shape, CTORCH_DTYPE_FLOAT32, 0, -1, 0, 0, &none), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_from_blob(data, 1, shape, shape, CTORCH_DTYPE_FLOAT32, 0, -1, 0, 0, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_from_array(NULL, -1, 0, -1, 0, 0, &none), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_from_array(&a, -1, 0, -1, 0, 0, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_empty(1, NULL, CTORCH_DTYPE_FLOAT32, 0, -1, 0, &none), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_empty(1, shape, CTORCH_DTYPE_FLOAT32, 0, -1, 0, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_full_real(1, 1, shape, CTORCH_DTYPE_FLOAT32, 0, -1, 0, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_full_integer(1, 1, NULL, CTORCH_DTYPE_INT64, 0, -1, 0, &none), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_clone(NULL, &none), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_clone(t, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_to(NULL, -1, -1, -1, 0, &none), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_to(t, -1, -1, -1, 0, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_copy(t, NULL, 0), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_copy(NULL, t, 0), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_assign(NULL, t), ARGUMENT, "left side of the assignment is not allocated");
  FAILS(ctorch_tensor_assign(t, NULL), ARGUMENT, "right side of the assignment is not allocated");
  FAILS(ctorch_tensor_yield(NULL, 0), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_rank(NULL, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_rank(t, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_shape(t, NULL, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_strides(t, NULL, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_dtype(t, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_device(t, NULL, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_numel(t, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_is_pinned(t, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_is_pinned(NULL, &answer), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_pin(NULL, &none), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_pin(t, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_is_contiguous(t, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_data(t, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_requires_grad(t, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_to_string(t, NULL, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_zero(NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_copy_to_array(t, NULL, -1, 0), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_copy_to_array(NULL, &a, -1, 0), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_view_array(t, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_backward(NULL, NULL, 0, 0), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_gradient(NULL, &none), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_zero_grad(NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_sum(t, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_mean(NULL, &none), ARGUMENT, NULL_POINTER);
  const ctorch_operand operand = {.tensor = *t, .kind = CTORCH_OPERAND_TENSOR},
                       number = {.real = 1, .kind = CTORCH_OPERAND_REAL};
  const ctorch_operand nothing = {.kind = CTORCH_OPERAND_NONE}, unknown = {.kind = 77};
  FAILS(ctorch_op_add(&operand, NULL, 0, &none), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_op_add(&operand, &operand, 0, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_op_add(&operand, &nothing, 0, &none), ARGUMENT,
        "argument 'b': expected a tensor, or an integer, real, complex or logical number");
  FAILS(ctorch_op_add(&unknown, &operand, 0, &none), ARGUMENT,
        "argument 'a': expected a tensor, or an integer, real, complex or logical number");
  FAILS(ctorch_op_add(&number, &number, 0, &none), ARGUMENT, "expected at least one tensor");
  FAILS(ctorch_op_sum(t, NULL, 1, 0, 0, &none), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_op_reshape(t, NULL, 1, 0, &none), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_op_reshape(t, NULL, -2, 0, &none), ARGUMENT, "negative count -2");
  FAILS(ctorch_op_cat(NULL, 1, 1, 0, &none), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_op_cat(t, 0, 1, 0, &none), ARGUMENT, "expected at least one tensor, got none");
  FAILS(ctorch_op_einsum(NULL, 3, t, 1, 0, &none), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_op_full(NULL, 0, NULL, -1, -1, -1, 0, &none), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_op_full(NULL, 0, &operand, -1, -1, -1, 0, &none), ARGUMENT,
        "argument 'value': expected an integer, real, complex or logical number");
  FAILS(ctorch_op_fill_in_place(t, &nothing), ARGUMENT, "argument 'value': expected a number");
  FAILS(ctorch_model_load(NULL, 5, 0, -1, 0, 0, 0, NULL, 0, 0, m), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_model_load("x", 1, 0, -1, 0, 0, 0, NULL, 0, 0, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_model_load("x", 1, 0, -1, 0, 0, 0, NULL, 64, 0, m), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_model_load("x", 1, 0, -1, 0, 0, 0, "abc", 3, 0, m), ARGUMENT, "'sha256': expected 64 hexadecimal digits");
  FAILS(ctorch_model_stats(NULL, &integer, &integer, &text, &integer), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_model_stats(m, NULL, &integer, &text, &integer), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_model_stats(m, &integer, NULL, &text, &integer), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_model_stats(m, &integer, &integer, NULL, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_model_subnormal_calls(NULL, &integer), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_model_subnormal_calls(m, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_model_share(m, NULL), ARGUMENT, "left side of the assignment is not allocated");
  FAILS(ctorch_model_share(NULL, m), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_model_yield(NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_model_forward(NULL, t, 1, &none, 1, 0, 0, NULL, 0), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_model_forward(m, NULL, 1, &none, 1, 0, 0, NULL, 0), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_model_forward(m, t, 1, NULL, 1, 0, 0, NULL, 0), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_model_forward(m, t, 1, &none, 1, 0, 0, NULL, 8), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_model_forward(m, t, -1, &none, 1, 0, 0, NULL, 0), ARGUMENT, "negative number");
  FAILS(ctorch_model_infer(NULL, &a, &a, 0), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_model_infer(m, NULL, &a, 0), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_model_infer(m, &a, NULL, 0), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_model_save(m, NULL, 3), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_model_count_parameters(m, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_model_parameters(m, NULL, 2), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_model_to_string(m, NULL, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_model_is_training(m, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_model_contract(m, NULL, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_model_input_names(m, NULL, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_model_output_names(m, NULL, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_model_self_test(m, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_model_self_test(NULL, &real), ARGUMENT, NULL_POINTER);
  WORKS(ctorch_tensor_delete(NULL));
  WORKS(ctorch_model_delete(NULL));
}

static void wrong_handles(const ctorch_tensor *t, const ctorch_model *m) {
  const int64_t shape[1] = {2};
  int32_t rank;
  double real;
  ctorch_tensor none = {0}, made = {0}, as_tensor, out = {0};
  ctorch_model no_model = {0}, as_model;
  FAILS(ctorch_tensor_rank(&none, &rank), HANDLE, "is not initialised");
  FAILS(ctorch_model_self_test(&no_model, &real), HANDLE, "is not initialised");
  WORKS(ctorch_tensor_empty(1, shape, CTORCH_DTYPE_FLOAT32, 0, -1, 0, &made));
  ctorch_tensor stale = made, twin = made;
  WORKS(ctorch_tensor_delete(&made));
  if (made.id != 0) FAILS(CTORCH_SUCCESS, INTERNAL, "delete nulls the handle");
  FAILS(ctorch_tensor_rank(&stale, &rank), HANDLE, "is used after delete");
  const ctorch_operand left = {.tensor = *t, .kind = CTORCH_OPERAND_TENSOR},
                       right = {.tensor = stale, .kind = CTORCH_OPERAND_TENSOR};
  FAILS(ctorch_op_add(&left, &right, 0, &out), HANDLE, "is used after delete");
  FAILS(ctorch_tensor_copy(t, &stale, 0), HANDLE, "is used after delete");
  WORKS(ctorch_tensor_delete(&twin));
  as_tensor.id = m->id;
  as_model.id = t->id;
  FAILS(ctorch_tensor_rank(&as_tensor, &rank), HANDLE, "is not a valid handle");
  FAILS(ctorch_model_self_test(&as_model, &real), HANDLE, "is not a valid handle");
  WORKS(ctorch_tensor_delete(&as_tensor)); /* a model's handle in a tensor's place releases nothing */
  WORKS(ctorch_model_delete(&as_model));
  WORKS(ctorch_tensor_rank(t, &rank));
  as_tensor.id = UINT64_MAX;
  FAILS(ctorch_tensor_rank(&as_tensor, &rank), HANDLE, "is not a valid handle");
  WORKS(ctorch_tensor_delete(&as_tensor));
}

static void wrong_codes(const ctorch_tensor *t, const ctorch_model *m) {
  const int64_t shape[2] = {2, 1}, negative[2] = {2, -1};
  float data[2] = {1, 2};
  int64_t count;
  int32_t devices = -1;
  ctorch_tensor none = {0};
  ctorch_tensor out[2] = {{0}, {0}};
  ctorch_array a = array_of(data, 1, 2, 1);
  FAILS(ctorch_live_handles(99, &count), ARGUMENT, "99 is no torch_handle_* constant");
  FAILS(ctorch_tensor_empty(2, shape, -7, 0, -1, 0, &none), ARGUMENT, "-7 is no torch_k* dtype constant");
  FAILS(ctorch_tensor_empty(2, shape, 12, 0, -1, 0, &none), ARGUMENT, "12 is no torch_k* dtype constant");
  FAILS(ctorch_tensor_empty(2, negative, 6, 0, -1, 0, &none), ARGUMENT, "negative extent");
  FAILS(ctorch_tensor_empty(-1, shape, 6, 0, -1, 0, &none), ARGUMENT, "expected 0 to 15, got -1");
  FAILS(ctorch_tensor_empty(16, shape, 6, 0, -1, 0, &none), ARGUMENT, "expected 0 to 15, got 16");
  FAILS(ctorch_tensor_empty(2, shape, 6, 5, -1, 0, &none), DEVICE, "5 is no torch_k* device constant");
  FAILS(ctorch_tensor_empty(2, shape, 4, 0, -1, 1, &none), ARGUMENT, "only real and complex tensors have gradients");
  FAILS(ctorch_tensor_from_blob(data, 2, shape, negative, 6, 0, -1, 0, 0, &none), ARGUMENT, "no negative strides");
  FAILS(ctorch_tensor_to(t, 99, -1, -1, 0, &none), ARGUMENT, "99 is no torch_k* dtype constant");
  FAILS(ctorch_runtime_set_threads(-1), ARGUMENT, "'count'");
  FAILS(ctorch_runtime_set_core_share(-1), ARGUMENT, "'cores'");
  FAILS(ctorch_runtime_set_flush_denormals(2), ARGUMENT, "'mode'");
  FAILS(ctorch_device_synchronize(1, 0), DEVICE, "device cuda is not available");
  FAILS(ctorch_device_synchronize_stream(1, 0), DEVICE, "device cuda is not available");
  FAILS(ctorch_device_set_stream(NULL, 1, 0), DEVICE, "device cuda is not available");
  FAILS(ctorch_device_set_stream(&devices, 0, -1), DEVICE, "expected a device with streams, got the cpu");
  FAILS(ctorch_tensor_pin(t, &none), DEVICE, "pinned memory needs a device that reads it");
  WORKS(ctorch_device_count(12345, &devices));
  if (devices != 0) FAILS(CTORCH_SUCCESS, INTERNAL, "an unknown device type has no devices");
  a.rank = -1;
  FAILS(ctorch_tensor_from_array(&a, -1, 0, -1, 0, 0, &none), ARGUMENT, "rank");
  a.rank = 16;
  FAILS(ctorch_tensor_from_array(&a, -1, 0, -1, 0, 0, &none), ARGUMENT, "rank");
  a.rank = 1;
  a.dtype = 55;
  FAILS(ctorch_tensor_from_array(&a, -1, 0, -1, 0, 0, &none), ARGUMENT, "dtype");
  a.dtype = CTORCH_DTYPE_FLOAT32;
  a.element_bytes = 0;
  FAILS(ctorch_tensor_from_array(&a, -1, 0, -1, 0, 0, &none), ARGUMENT, "element_bytes");
  a.element_bytes = 4;
  a.order = 9;
  FAILS(ctorch_tensor_from_array(&a, -1, 0, -1, 0, 0, &none), ARGUMENT, "order");
  a.order = CTORCH_ORDER_INDEX;
  a.element_bytes = 1;
  FAILS(ctorch_tensor_from_array(&a, -1, 0, -1, 0, 0, &none), ARGUMENT, "element_bytes is 1, a float32 has 4");
  FAILS(ctorch_model_parameters(m, out, -2), ARGUMENT, "parameters");
  FAILS(ctorch_model_load("no.pt", 5, 0, -1, 0, 0, 0, NULL, 0, 0, NULL), ARGUMENT, NULL_POINTER);
}

/* Sizes that no memory has: an error, not the end of the process. */
static void huge_shapes(const ctorch_model *m) {
  const int64_t huge[2] = {INT64_MAX, 4}, strides[2] = {4, 1}, one[1] = {3}, far[1] = {INT64_MAX}, nothing[2] = {0, 4};
  const int64_t square[2] = {INT64_C(1) << 32, INT64_C(1) << 32}, still[2] = {0, 0};
  float data[4] = {1, 2, 3, 4};
  ctorch_tensor none = {0};
  ctorch_array a = array_of(data, 2, INT64_MAX, 4), y = array_of(data, 2, 2, 2);
  FAILS(ctorch_tensor_from_blob(data, 2, huge, strides, 6, 0, -1, 0, 0, &none), ARGUMENT,
        "'tensor_shape': [9223372036854775807, 4]");
  FAILS(ctorch_tensor_from_blob(NULL, 2, huge, strides, 6, 0, -1, 0, 0, &none), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_tensor_from_blob(data, 1, one, far, 6, 0, -1, 0, 0, &none), ARGUMENT, "does not fit into memory");
  FAILS(ctorch_tensor_from_blob(data, 2, square, still, 6, 0, -1, 0, 0, &none), ARGUMENT, "does not fit into memory");
  FAILS(ctorch_tensor_from_array(&a, -1, 0, -1, 0, 0, &none), ARGUMENT, "data_in: [9223372036854775807, 4]");
  FAILS(ctorch_model_infer(m, &a, &y, 0), ARGUMENT, "x: [9223372036854775807, 4]");
  FAILS(ctorch_model_infer(m, &y, &a, 0), ARGUMENT, "y: [9223372036854775807, 4]");
  a.shape[0] = 2;
  a.byte_strides[1] = INT64_MAX - 3;
  FAILS(ctorch_tensor_from_array(&a, -1, 0, -1, 0, 0, &none), ARGUMENT, "does not fit into memory");
  WORKS(ctorch_tensor_from_blob(NULL, 2, nothing, strides, 6, 0, -1, 0, 0, &none));
  WORKS(ctorch_tensor_delete(&none));
}

static int32_t no_loss(void *context, ctorch_tensor *loss) {
  *(int *)context += 1;
  loss->id = 0;
  return CTORCH_SUCCESS;
}

static void optimizers(void) {
  const int64_t shape[1] = {2};
  ctorch_tensor w = {0}, loss = {0};
  ctorch_optim o = {0}, same = {0}, none = {0};
  int32_t count = 0;
  int calls = 0;
  double rate = 0;
  WORKS(ctorch_tensor_full_real(1, 1, shape, CTORCH_DTYPE_FLOAT32, 0, -1, 1, &w));
  FAILS(ctorch_optim_sgd(NULL, 1, 0, 0.1, 0, 0, 0, 0, &o), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_optim_sgd(&w, 1, 0, 0.1, 0, 0, 0, 0, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_optim_sgd(&w, -3, 0, 0.1, 0, 0, 0, 0, &o), ARGUMENT, "at least one tensor");
  FAILS(ctorch_optim_step(&none), HANDLE, "not initialised");
  FAILS(ctorch_optim_step(NULL), ARGUMENT, NULL_POINTER);
  WORKS(ctorch_optim_sgd(&w, 1, 0, 0.1, 0, 0, 0, 0, &o));
  FAILS(ctorch_optim_step_closure(&o, NULL, NULL, &loss), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_optim_step_closure(&o, no_loss, &calls, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_optim_step_closure(&o, no_loss, &calls, &loss), HANDLE, "the loss that the closure gives");
  if (calls != 1) FAILS(CTORCH_SUCCESS, INTERNAL, "the closure is called once, with its context");
  FAILS(ctorch_optim_group_count(&o, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_optim_learning_rate(&o, 1, NULL), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_optim_learning_rate(&o, -1, &rate), ARGUMENT, "expected 1 to 1");
  FAILS(ctorch_optim_save(&o, NULL, 4), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_clip_value(NULL, 1, 1.0), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_average_update(&w, NULL, 1, 0.5), ARGUMENT, NULL_POINTER);
  FAILS(ctorch_optim_share(&o, NULL), ARGUMENT, "allocate it first");
  WORKS(ctorch_optim_share(&o, &same));
  none = o;
  WORKS(ctorch_optim_delete(&o));
  WORKS(ctorch_optim_delete(&none)); /* the copy of a handle is stale, not dangerous */
  WORKS(ctorch_optim_group_count(&same, &count));
  WORKS(ctorch_optim_delete(&same));
  WORKS(ctorch_optim_delete(&same));
  WORKS(ctorch_optim_delete(NULL));
  none.id = w.id;
  FAILS(ctorch_optim_step(&none), HANDLE, "not a valid handle");
  WORKS(ctorch_tensor_delete(&w));
}

static void damaged_file(const char *path) {
  ctorch_model m = {0};
  const int32_t status = ctorch_model_load(path, (int64_t)strlen(path), 0, -1, 0, 0, 0, NULL, 0, 0, &m);
  ++checks;
  if (status != CTORCH_SUCCESS && status != CTORCH_ERROR_FILE) {
    ++failures;
    printf("%s: status %d; message '%s'\n", path, (int)status, message());
  }
  ctorch_model_delete(&m);
}

int main(int argc, char **argv) {
  const int64_t shape[2] = {2, 5};
  float x[10] = {0}, y[6] = {0};
  ctorch_tensor t = {0}, out = {0};
  ctorch_model m = {0};
  double difference = -1;
  if (argc < 2) return 120;
  setvbuf(stdout, NULL, _IONBF, 0);
  FAILS(ctorch_model_load("missing.pt", 10, 0, -1, 0, 0, 0, NULL, 0, 0, &m), FILE, "cannot open 'missing.pt'");
  WORKS(ctorch_model_load(argv[1], (int64_t)strlen(argv[1]), 0, -1, 0, 0, 0, NULL, 0, 0, &m));
  WORKS(ctorch_tensor_full_real(1, 2, shape, CTORCH_DTYPE_FLOAT32, 0, -1, 0, &t));
  null_pointers(&t, &m);
  wrong_handles(&t, &m);
  wrong_codes(&t, &m);
  huge_shapes(&m);
  optimizers();

  /* After all that everything still works. */
  ctorch_array from = array_of(x, 2, 2, 5), to = array_of(y, 2, 2, 3);
  WORKS(ctorch_model_forward(&m, &t, 1, &out, 1, 0, 0, NULL, 0));
  WORKS(ctorch_model_infer(&m, &from, &to, 0));
  WORKS(ctorch_model_self_test(&m, &difference));
  if (!(difference >= 0 && difference < 1e-6)) FAILS(CTORCH_SUCCESS, INTERNAL, "the sample is reproduced");
  if (y[0] != 0 || y[2] != 1 || y[4] != 2) FAILS(CTORCH_SUCCESS, INTERNAL, "right values");
  WORKS(ctorch_tensor_delete(&out));
  WORKS(ctorch_tensor_delete(&t));
  WORKS(ctorch_model_delete(&m));
  WORKS(ctorch_model_delete(&m));
  for (int i = 2; i < argc; ++i) damaged_file(argv[i]);
  if (live() != 0) FAILS(CTORCH_SUCCESS, INTERNAL, "no handles are left");
  printf("%d checks, %d failures\n", checks, failures);
  return failures > 100 ? 100 : failures;
}
