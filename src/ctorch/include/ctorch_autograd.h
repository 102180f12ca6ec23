/**
 * @file ctorch_autograd.h
 * @brief Automatic differentiation: gradients, derivatives of expressions, and when the graph is recorded.
 *
 * A graph is freed by the call that runs through it, unless retain_graph keeps it for another time. With create_graph the
 * derivative is recorded itself, so that it can be differentiated again; that keeps the graph, too.
 */
#ifndef CTORCH_AUTOGRAD_H
#define CTORCH_AUTOGRAD_H

#include "ctorch_linkage.h"
#include "ctorch_tensor.h"

CTORCH_BEGIN

/** Back-propagates; a null handle as external_gradient stands for a one for each element. */
int32_t ctorch_tensor_backward(const ctorch_tensor *tensor, const ctorch_tensor *external_gradient, int32_t retain_graph,
                               int32_t create_graph);

/** Copy of the gradient accumulated in a leaf tensor, delivered into `gradient` as an operation's result is. */
int32_t ctorch_tensor_gradient(const ctorch_tensor *tensor, ctorch_tensor *gradient);

/** Forgets the accumulated gradient. */
int32_t ctorch_tensor_zero_grad(const ctorch_tensor *tensor);

/** Starts or stops recording what is computed from a leaf tensor. */
int32_t ctorch_tensor_set_requires_grad(const ctorch_tensor *tensor, int32_t requires_grad);

/* ---------------------------------------------------------------- derivatives of expressions ------------------------- */

/** The accumulated gradient as a function's result (CTORCH_LIFETIME_*). */
int32_t ctorch_autograd_gradient(const ctorch_tensor *tensor, int32_t lifetime, ctorch_tensor *result);

/**
 * Gradients of the sum of outputs with respect to inputs, nothing accumulated: one result per input, delivered as an
 * operation's result is. n_grad_outputs is 0 or n_outputs; a null handle among them is the implied 1 of a single element. With
 * allow_unused the gradient of an input that the outputs do not depend on is zero, otherwise it is an error.
 */
int32_t ctorch_autograd_grad(const ctorch_tensor outputs[], int32_t n_outputs, const ctorch_tensor inputs[], int32_t n_inputs,
                             const ctorch_tensor grad_outputs[], int32_t n_grad_outputs, int32_t retain_graph,
                             int32_t create_graph, int32_t allow_unused, ctorch_tensor gradients[], int32_t n_gradients);

/** v times the Jacobian matrix of y with respect to x: shape of x. */
int32_t ctorch_autograd_vjp(const ctorch_tensor *y, const ctorch_tensor *x, const ctorch_tensor *v, int32_t retain_graph,
                            int32_t create_graph, int32_t lifetime, ctorch_tensor *result);

/** The Jacobian matrix of y with respect to x times v: shape of y. The graph of y stays. */
int32_t ctorch_autograd_jvp(const ctorch_tensor *y, const ctorch_tensor *x, const ctorch_tensor *v, int32_t create_graph,
                            int32_t lifetime, ctorch_tensor *result);

/** The Jacobian matrix of y with respect to x: the shape of y, then the shape of x. */
int32_t ctorch_autograd_jacobian(const ctorch_tensor *y, const ctorch_tensor *x, int32_t retain_graph, int32_t create_graph,
                                 int32_t lifetime, ctorch_tensor *result);

/** Second derivatives of a single number y with respect to x: the shape of x twice. */
int32_t ctorch_autograd_hessian(const ctorch_tensor *y, const ctorch_tensor *x, int32_t retain_graph, int32_t create_graph,
                                int32_t lifetime, ctorch_tensor *result);

/* ---------------------------------------------------------------- when the graph is recorded ------------------------- */

/** Modes of recording. They belong to the calling thread. */
enum {
  CTORCH_GRAD_MODE_RECORD = 0,
  CTORCH_GRAD_MODE_NO_GRAD = 1,  /**< nothing is recorded */
  CTORCH_GRAD_MODE_INFERENCE = 2 /**< and what is made can never take part in autograd */
};

/** Opens a scope of a mode; the ticket names it. */
int32_t ctorch_grad_mode_begin(int32_t mode, int64_t *ticket);

/** Closes the innermost scope, which must be of this mode. */
int32_t ctorch_grad_mode_end(int32_t mode);

/** Closes the scope of a ticket and those inside it; does nothing when this thread has no such scope (any more). */
int32_t ctorch_grad_mode_leave(int64_t ticket);

/** Switches recording on or off; the end of the scope around it undoes that. */
int32_t ctorch_grad_mode_set(int32_t enabled);

/** Whether computations are recorded. */
int32_t ctorch_grad_mode_is_enabled(int32_t *answer);

/** Lets backward passes stop at the operation whose gradient is NaN (with check_nan). For all threads. */
int32_t ctorch_grad_mode_detect_anomaly(int32_t enabled, int32_t check_nan);

CTORCH_END

#endif
