/**
 * @file ctorch_array.h
 * @brief A host array as the other side describes it: what libftorch reads from the compiler's descriptor.
 */
#ifndef CTORCH_ARRAY_H
#define CTORCH_ARRAY_H

#include <stdint.h>

/** Largest rank of a Fortran array, and so of every array that is exchanged. */
#define CTORCH_MAX_RANK 15

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

#endif
