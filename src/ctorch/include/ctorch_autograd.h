/**
 * @file ctorch_autograd.h
 * @brief Automatic differentiation, and the reductions that losses are made of.
 */
#ifndef CTORCH_AUTOGRAD_H
#define CTORCH_AUTOGRAD_H

#include "ctorch_core.h"

CTORCH_BEGIN

/** Back-propagates; external_gradient may be a null handle for a tensor of one element. */
int32_t ctorch_tensor_backward(const ctorch_tensor *tensor, const ctorch_tensor *external_gradient, int32_t retain_graph);

/** Gradient accumulated in a leaf tensor, delivered into `gradient` as an operation's result is. */
int32_t ctorch_tensor_gradient(const ctorch_tensor *tensor, ctorch_tensor *gradient);

/** Forgets the accumulated gradient. */
int32_t ctorch_tensor_zero_grad(const ctorch_tensor *tensor);

/** Sum of all elements; an output of shape [1] that wraps an array is written through. */
int32_t ctorch_tensor_sum(const ctorch_tensor *tensor, ctorch_tensor *output);

/** Mean of all elements; an output of shape [1] that wraps an array is written through. */
int32_t ctorch_tensor_mean(const ctorch_tensor *tensor, ctorch_tensor *output);

CTORCH_END

#endif
