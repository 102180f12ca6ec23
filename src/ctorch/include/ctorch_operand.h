/**
 * @file ctorch_operand.h
 * @brief Arguments that may be a tensor or a number, or be left out.
 */
#ifndef CTORCH_OPERAND_H
#define CTORCH_OPERAND_H

#include <stdint.h>

#include "ctorch_tensor.h"

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

#endif
