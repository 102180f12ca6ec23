/**
 * @file ctorch_core.h
 * @brief The part of the C interface that everything else stands on: named numbers, handles, errors, tensors and models.
 *
 * The rules for every entry are at the head of ctorch.h.
 */
#ifndef CTORCH_CORE_H
#define CTORCH_CORE_H

#include <stdint.h>

#include "ctorch_types.h"

/* Around the prototypes of every header: C linkage, and visible although the libraries hide everything else. */
#if defined(__cplusplus)
#define CTORCH_BEGIN _Pragma("GCC visibility push(default)") extern "C" {
#define CTORCH_END \
  }                \
  _Pragma("GCC visibility pop")
#else
#define CTORCH_BEGIN _Pragma("GCC visibility push(default)")
#define CTORCH_END _Pragma("GCC visibility pop")
#endif

CTORCH_BEGIN

/** Largest rank of a Fortran array, and so of every array that is exchanged. */
#define CTORCH_MAX_RANK 15

/** A tensor; zero means "no tensor". */
typedef struct ctorch_tensor {
  uint64_t id;
} ctorch_tensor;

/** What a temporary's end is (results of functions): see ctorch_tensor_yield. */
enum {
  CTORCH_LIFETIME_NAMED = 0,     /**< an ordinary handle */
  CTORCH_LIFETIME_TEMPORARY = 1, /**< assignment may move it */
  CTORCH_LIFETIME_ONE_SHOT = 2   /**< and nobody will delete it: the first call that reads it does */
};

/** An operand of an operation: a tensor or a number. */
typedef struct ctorch_operand {
  ctorch_tensor tensor;
  int64_t integer; /**< of an integer or a logical */
  double real;
  double imaginary;
  int32_t kind; /**< CTORCH_OPERAND_* */
} ctorch_operand;

/** Kinds of operands. */
enum {
  CTORCH_OPERAND_NONE = 0, /**< an optional one that was left out */
  CTORCH_OPERAND_TENSOR = 1,
  CTORCH_OPERAND_INTEGER = 2,
  CTORCH_OPERAND_REAL = 3,
  CTORCH_OPERAND_COMPLEX = 4,
  CTORCH_OPERAND_LOGICAL = 5,
  CTORCH_OPERAND_NEITHER = 6 /**< something else, which is refused */
};

/** An optional integer that was left out. */
#define CTORCH_ABSENT INT64_MIN

/** A model; zero means "no model". */
typedef struct ctorch_model {
  uint64_t id;
} ctorch_model;

/** How the dimensions of an array become those of a tensor. */
enum {
  CTORCH_ORDER_INDEX = 0,   /**< tensor index (i,j,...) is array index (i,j,...) */
  CTORCH_ORDER_PERMUTE = 1, /**< tensor dimension d is array dimension order_dims[d] (1-based): a view */
  CTORCH_ORDER_LAYOUT = 2   /**< the shape stays; order_dims lists the dimensions from fastest to slowest in memory */
};

/** A host array as its compiler describes it. Filled by the Fortran side, only read here unless an entry says otherwise. */
typedef struct ctorch_array {
  void *data;                            /**< first element; null for an unallocated or unassociated array */
  int64_t shape[CTORCH_MAX_RANK];        /**< extents; -1 last for an assumed-size array */
  int64_t byte_strides[CTORCH_MAX_RANK]; /**< distance of neighbours in bytes; may be negative */
  int32_t rank;                          /**< number of dimensions */
  int32_t dtype;                         /**< CTORCH_DTYPE_* of the storage, or a CTORCH_ARRAY_* refusal */
  int32_t element_bytes;                 /**< size of one element */
  int32_t order;                         /**< CTORCH_ORDER_* */
  int32_t order_count;                   /**< how many order_dims the caller gave; must be the rank */
  int32_t order_dims[CTORCH_MAX_RANK];   /**< 1-based; unused for CTORCH_ORDER_INDEX */
} ctorch_array;

/** Element types of arrays that cannot be tensors without a copy or at all (values of ctorch_array.dtype). */
enum {
  CTORCH_ARRAY_CHARACTER = -2,
  CTORCH_ARRAY_DERIVED = -3,
  CTORCH_ARRAY_LOGICAL = -4, /**< a logical that is not one byte; from_array takes it with copy=1 */
  CTORCH_ARRAY_UNKNOWN = -5
};

/* ---------------------------------------------------------------- errors, versions, the process ---------------------- */

/** Message of the last failed call on this thread, empty if there was none. */
int32_t ctorch_last_error(const char **text, int64_t *length);

/** Version of this library. */
int32_t ctorch_runtime_version(const char **text, int64_t *length);

/** Version of the libtorch in use. */
int32_t ctorch_runtime_torch_version(const char **text, int64_t *length);

/** Number of live handles of one kind (CTORCH_CORE_HANDLE_*), over all threads. */
int32_t ctorch_live_handles(int32_t kind, int64_t *count);

/** Sets how many threads one PyTorch operation may use; 0 returns to the default, the host's own OpenMP count. */
int32_t ctorch_runtime_set_threads(int32_t count);

/** Gets how many threads an operation called from this thread uses. */
int32_t ctorch_runtime_get_threads(int32_t *count);

/**
 * Whether calls flush subnormal numbers to zero, on all their threads and whatever a model's contract says: 1 they do, 0 they
 * do not, -1 (the default) as the contract says, and where it is silent, as the calling thread does.
 */
int32_t ctorch_runtime_set_flush_denormals(int32_t mode);

/** Seeds PyTorch's random generators on all devices. */
int32_t ctorch_runtime_seed(int64_t seed);

/* ---------------------------------------------------------------- devices -------------------------------------------- */

/** Number of devices of one type that are present; 0 for a type this libtorch does not know. */
int32_t ctorch_device_count(int32_t device_type, int32_t *count);

/** Waits for the work queued on a device; index -1 is the current one. Does nothing on the CPU. */
int32_t ctorch_device_synchronize(int32_t device_type, int32_t device_index);

/* ---------------------------------------------------------------- tensors: making and releasing ---------------------- */

/**
 * Tensor over memory that the caller keeps: nothing is copied for the CPU, or when on_device says that the memory is the
 * device's already; the memory must outlive the tensor. Host memory given with another device is copied there.
 */
int32_t ctorch_tensor_from_blob(void *data, int32_t rank, const int64_t shape[], const int64_t strides[], int32_t dtype,
                                int32_t device_type, int32_t device_index, int32_t requires_grad, int32_t on_device,
                                ctorch_tensor *tensor);

/**
 * Tensor over a host array, zero-copy for every array that strides can describe. dtype names one that shares the storage
 * (bfloat16 in int16, ...) or is CTORCH_DTYPE_DEFAULT. With copy the tensor owns a contiguous copy instead.
 */
int32_t ctorch_tensor_from_array(const ctorch_array *array, int32_t dtype, int32_t device_type, int32_t device_index,
                                 int32_t requires_grad, int32_t copy, ctorch_tensor *tensor);

/** New tensor of undefined values. */
int32_t ctorch_tensor_empty(int32_t rank, const int64_t shape[], int32_t dtype, int32_t device_type, int32_t device_index,
                            int32_t requires_grad, ctorch_tensor *tensor);

/** New tensor filled with a real number. */
int32_t ctorch_tensor_full_real(double value, int32_t rank, const int64_t shape[], int32_t dtype, int32_t device_type,
                                int32_t device_index, int32_t requires_grad, ctorch_tensor *tensor);

/** New tensor filled with an integer, exact over all 64 bits. */
int32_t ctorch_tensor_full_integer(int64_t value, int32_t rank, const int64_t shape[], int32_t dtype, int32_t device_type,
                                   int32_t device_index, int32_t requires_grad, ctorch_tensor *tensor);

/** Copy with memory of its own, connected to the source in the autograd graph. */
int32_t ctorch_tensor_clone(const ctorch_tensor *source, ctorch_tensor *target);

/** The same values on another device or in another dtype (CTORCH_DEVICE_SAME, CTORCH_DTYPE_DEFAULT keep them); a copy. */
int32_t ctorch_tensor_to(const ctorch_tensor *source, int32_t dtype, int32_t device_type, int32_t device_index,
                         int32_t non_blocking, ctorch_tensor *target);

/** Copies values into an existing tensor of equal shape, converting to its dtype and device. */
int32_t ctorch_tensor_copy(const ctorch_tensor *source, const ctorch_tensor *target, int32_t non_blocking);

/** Releases the handle and nulls it. Null and stale handles are accepted. */
int32_t ctorch_tensor_delete(ctorch_tensor *tensor);

/**
 * Fortran's `left = right`. A temporary on the right is moved; a named tensor is copied; a left side that wraps a host array
 * is written through, which needs equal shapes. A null right side leaves a null left side.
 */
int32_t ctorch_tensor_assign(ctorch_tensor *left, const ctorch_tensor *right);

/**
 * Marks the result of a function as temporary, so that assignment moves it. With one_shot the first entry that reads the
 * handle also releases it: that is for compilers that never finalize function results.
 */
int32_t ctorch_tensor_yield(const ctorch_tensor *tensor, int32_t one_shot);

/* ---------------------------------------------------------------- tensors: questions --------------------------------- */

/** Number of dimensions. */
int32_t ctorch_tensor_rank(const ctorch_tensor *tensor, int32_t *rank);

/** Extents; the memory belongs to the tensor and lives as long as it. Refused for one-shot temporaries. */
int32_t ctorch_tensor_shape(const ctorch_tensor *tensor, const int64_t **shape, int32_t *rank);

/** Strides in elements; the memory belongs to the tensor and lives as long as it. Refused for one-shot temporaries. */
int32_t ctorch_tensor_strides(const ctorch_tensor *tensor, const int64_t **strides, int32_t *rank);

/** Element type, CTORCH_DTYPE_*. */
int32_t ctorch_tensor_dtype(const ctorch_tensor *tensor, int32_t *dtype);

/** Device; the index of the CPU is -1. */
int32_t ctorch_tensor_device(const ctorch_tensor *tensor, int32_t *device_type, int32_t *device_index);

/** Number of elements. */
int32_t ctorch_tensor_numel(const ctorch_tensor *tensor, int64_t *count);

/** Whether the elements lie in PyTorch's (row-major) order without gaps. */
int32_t ctorch_tensor_is_contiguous(const ctorch_tensor *tensor, int32_t *answer);

/** Address of the first element, on the tensor's device. */
int32_t ctorch_tensor_data(const ctorch_tensor *tensor, void **data);

/** Whether gradients are recorded for it. */
int32_t ctorch_tensor_requires_grad(const ctorch_tensor *tensor, int32_t *answer);

/** The values as text, the way PyTorch prints them. */
int32_t ctorch_tensor_to_string(const ctorch_tensor *tensor, const char **text, int64_t *length);

/** Sets all elements to zero. */
int32_t ctorch_tensor_zero(const ctorch_tensor *tensor);

/* ---------------------------------------------------------------- tensors: back to host arrays ----------------------- */

/** Copies a tensor into an existing host array of exactly its shape. With convert the dtype may differ. */
int32_t ctorch_tensor_copy_to_array(const ctorch_tensor *tensor, const ctorch_array *array, int32_t dtype, int32_t convert);

/**
 * Describes the tensor's own memory as a host array: on entry array->dtype, rank, order and order_dims say what the caller
 * holds, on return data, shape, byte_strides and the tensor's own dtype are filled in. The view is valid as long as the tensor
 * lives.
 */
int32_t ctorch_tensor_view_array(const ctorch_tensor *tensor, ctorch_array *array);

/* ---------------------------------------------------------------- models --------------------------------------------- */

/**
 * Loads a model; the content of the file decides how. requires_grad and is_training prepare it for training, which compiled
 * packages refuse. A model that carries its contract is warmed up here, so that the first time step costs what the others cost.
 * trust admits a compiled package without a contract. sha256 (64 hexadecimal digits; length 0: any file) refuses every file but
 * the one with this sum before anything in it is looked at. allow_random admits a network that draws random numbers in
 * evaluation mode, as one does that was traced in training mode; such a model is neither warmed up nor tested against its
 * sample.
 */
int32_t ctorch_model_load(const char *path, int64_t path_length, int32_t device_type, int32_t device_index,
                          int32_t requires_grad, int32_t is_training, int32_t trust, const char *sha256, int64_t sha256_length,
                          int32_t allow_random, ctorch_model *model);

/**
 * Numbers of a model: calls that ran so far, inputs that had to be copied into the strides that compiled code wants, and the
 * name of the file's variant that the last call took.
 */
int32_t ctorch_model_stats(const ctorch_model *model, int64_t *calls, int64_t *input_copies, const char **variant,
                           int64_t *length);

/**
 * How many of the calls met subnormal numbers (below 1.2e-38 in float32) that were not flushed to zero: such calls can take a
 * hundred times as long. Always 0 on processors that do not tell.
 */
int32_t ctorch_model_subnormal_calls(const ctorch_model *model, int64_t *calls);

/** Another handle on the same model; the last one that is deleted frees it. */
int32_t ctorch_model_share(const ctorch_model *source, ctorch_model *target);

/** Marks the result of a function as temporary, so that sharing it moves it. */
int32_t ctorch_model_yield(const ctorch_model *model);

/** Releases the handle and nulls it. Null and stale handles are accepted. */
int32_t ctorch_model_delete(ctorch_model *model);

/**
 * Runs the model. Output handles that hold a tensor are written into, which needs exactly the right shape and dtype; null
 * ones receive the result. With requires_grad all outputs receive the result, connected to the graph. With convert, dtypes
 * are converted on the way in and out. output_names (blank-padded, names_width characters each, n_outputs of them) picks
 * entries of a dictionary or named outputs; names_width 0 takes outputs in their own order.
 */
int32_t ctorch_model_forward(const ctorch_model *model, const ctorch_tensor inputs[], int32_t n_inputs, ctorch_tensor outputs[],
                             int32_t n_outputs, int32_t requires_grad, int32_t convert, const char *output_names,
                             int64_t names_width);

/**
 * Runs a model of one input and one output straight between host arrays. One sample may be given without the batch
 * dimension when the model's contract names one.
 */
int32_t ctorch_model_infer(const ctorch_model *model, const ctorch_array *x, const ctorch_array *y, int32_t convert);

/** The same for a model of several inputs or outputs. All arrays, or none, come without the batch dimension. */
int32_t ctorch_model_infer_arrays(const ctorch_model *model, const ctorch_array inputs[], int32_t n_inputs,
                                  const ctorch_array outputs[], int32_t n_outputs, int32_t convert);

/** Saves the model with its contract, under a temporary name that is renamed when complete. */
int32_t ctorch_model_save(const ctorch_model *model, const char *path, int64_t path_length);

/** Number of parameters (weight tensors). */
int32_t ctorch_model_count_parameters(const ctorch_model *model, int32_t *count);

/** Handles that share the model's weights, as many as ctorch_model_count_parameters says. */
int32_t ctorch_model_parameters(const ctorch_model *model, ctorch_tensor parameters[], int32_t n_parameters);

/** Names, shapes and values of the parameters as text. */
int32_t ctorch_model_to_string(const ctorch_model *model, const char **text, int64_t *length);

/** Whether the model is in training mode. */
int32_t ctorch_model_is_training(const ctorch_model *model, int32_t *answer);

/** The contract as JSON text, empty for a model without one. */
int32_t ctorch_model_contract(const ctorch_model *model, const char **text, int64_t *length);

/** Names of the inputs in the order of forward, one a line; empty for a model without a contract. */
int32_t ctorch_model_input_names(const ctorch_model *model, const char **text, int64_t *length);

/** Names of the outputs in the order of the results, one a line; empty for a model without a contract. */
int32_t ctorch_model_output_names(const ctorch_model *model, const char **text, int64_t *length);

/** Replays the sample that the file carries; largest absolute difference over all outputs. */
int32_t ctorch_model_self_test(const ctorch_model *model, double *max_difference);

CTORCH_END

#endif
