/**
 * @file ctorch_tensor.h
 * @brief Tensors: made from host arrays or numbers, copied, asked, and given back to host arrays.
 */
#ifndef CTORCH_TENSOR_H
#define CTORCH_TENSOR_H

#include <stdint.h>

#include "ctorch_array.h"
#include "ctorch_linkage.h"
#include "ctorch_types.h"

CTORCH_BEGIN

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

/* ---------------------------------------------------------------- making and releasing ---------------------------- */

/**
 * Tensor over memory that the caller keeps: nothing is copied for the CPU, or when on_device says that the memory is the
 * device's already; the memory must outlive the tensor. Host memory given with another device is copied there. With on_device
 * and index -1 the tensor is on the device that the memory lives on; memory of the host, or of another device than the index
 * says, is refused where the device's run time can tell.
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

/**
 * The same values on another device or in another dtype (CTORCH_DEVICE_SAME, CTORCH_DTYPE_DEFAULT keep them); a copy. With
 * non_blocking a copy to a device may still be under way when the call returns: pinned memory that it reads must stay as it is
 * until then. Copies to the host have always arrived.
 */
int32_t ctorch_tensor_to(const ctorch_tensor *source, int32_t dtype, int32_t device_type, int32_t device_index,
                         int32_t non_blocking, ctorch_tensor *target);

/** Copies values into an existing tensor of equal shape, converting to its dtype and device; non_blocking as above. */
int32_t ctorch_tensor_copy(const ctorch_tensor *source, const ctorch_tensor *target, int32_t non_blocking);

/** Copy in pinned memory of the host, which a device reads and writes by itself; of a tensor on the host. */
int32_t ctorch_tensor_pin(const ctorch_tensor *source, ctorch_tensor *target);

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

/* ---------------------------------------------------------------- questions --------------------------------------- */

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

/** Whether it lies in pinned memory of the host. */
int32_t ctorch_tensor_is_pinned(const ctorch_tensor *tensor, int32_t *answer);

/** Address of the first element, on the tensor's device. */
int32_t ctorch_tensor_data(const ctorch_tensor *tensor, void **data);

/** Whether gradients are recorded for it. */
int32_t ctorch_tensor_requires_grad(const ctorch_tensor *tensor, int32_t *answer);

/** The values as text, the way PyTorch prints them. */
int32_t ctorch_tensor_to_string(const ctorch_tensor *tensor, const char **text, int64_t *length);

/** Sets all elements to zero. */
int32_t ctorch_tensor_zero(const ctorch_tensor *tensor);

/* ---------------------------------------------------------------- many at once ------------------------------------ */

/** One flat tensor, on their device, of the numbers of all of them in their order, as float32 or float64. */
int32_t ctorch_tensor_join(const ctorch_tensor tensors[], int32_t n_tensors, int32_t dtype, ctorch_tensor *flat);

/** The reverse: copies the numbers of a flat tensor into tensors that have as many, whatever their dtype. */
int32_t ctorch_tensor_part(const ctorch_tensor *flat, const ctorch_tensor tensors[], int32_t n_tensors);

/**
 * Multiplies a tensor by a number, in place, and waits for it. unusual is the index of the first element that was infinite or
 * not a number, -1 if none was. With weight 0 all become zero, whatever they were, and none is unusual.
 */
int32_t ctorch_tensor_weigh(const ctorch_tensor *tensor, double weight, int64_t *unusual);

/** Copy on the host, in pinned memory where the tensor's device reads such; it has arrived. */
int32_t ctorch_tensor_fetch(const ctorch_tensor *source, ctorch_tensor *target);

/* ---------------------------------------------------------------- back to host arrays ----------------------------- */

/** Copies a tensor into an existing host array of exactly its shape. With convert the dtype may differ. */
int32_t ctorch_tensor_copy_to_array(const ctorch_tensor *tensor, const ctorch_array *array, int32_t dtype, int32_t convert);

/**
 * Describes the tensor's own memory as a host array: on entry array->dtype, rank, order and order_dims say what the caller
 * holds, on return data, shape, byte_strides and the tensor's own dtype are filled in. The view is valid as long as the tensor
 * lives.
 */
int32_t ctorch_tensor_view_array(const ctorch_tensor *tensor, ctorch_array *array);

CTORCH_END

#endif
