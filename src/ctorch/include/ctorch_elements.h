/**
 * @file ctorch_elements.h
 * @brief Single elements of tensors, for looking at them and for tests.
 */
#ifndef CTORCH_ELEMENTS_H
#define CTORCH_ELEMENTS_H

#include "ctorch_linkage.h"
#include "ctorch_operand.h"
#include "ctorch_tensor.h"

CTORCH_BEGIN

/** The value of a tensor of one element, exactly: its kind says whether integer, real, complex or logical. */
int32_t ctorch_tensor_item(const ctorch_tensor *tensor, ctorch_operand *value);

/** One element of a real tensor, which a double must hold exactly; indices count from 1. */
int32_t ctorch_tensor_get_element(const ctorch_tensor *tensor, const int64_t indices[], int32_t n_indices, double *value);

/** Sets one element of a real tensor; autograd does not record it. */
int32_t ctorch_tensor_set_element(const ctorch_tensor *tensor, const int64_t indices[], int32_t n_indices, double value);

CTORCH_END

#endif
