/**
 * @file ctorch_optim.h
 * @brief Optimizers, clipping of gradients, and averages of weights.
 *
 * An optimizer refers to the tensors it was made for and shares their memory; their handles may be deleted. Those of a whole
 * model (whole_model = 1) may be frozen for a time; in a list each must require gradients. Groups are counted from 1.
 */
#ifndef CTORCH_OPTIM_H
#define CTORCH_OPTIM_H

#include "ctorch_linkage.h"
#include "ctorch_tensor.h"

CTORCH_BEGIN

/** An optimizer; zero means "no optimizer". */
typedef struct ctorch_optim {
  uint64_t id;
} ctorch_optim;

/**
 * Runs the model and the back-propagation anew and gives the loss. Called with the context that came with it, on the thread of
 * the call, with the host's own settings. A status other than 0 ends the step with that status.
 */
typedef int32_t (*ctorch_closure)(void *context, ctorch_tensor *loss);

/** Stochastic gradient descent. */
int32_t ctorch_optim_sgd(const ctorch_tensor parameters[], int32_t n_parameters, int32_t whole_model, double learning_rate,
                         double momentum, double weight_decay, double dampening, int32_t nesterov, ctorch_optim *optim);

/** Adam. */
int32_t ctorch_optim_adam(const ctorch_tensor parameters[], int32_t n_parameters, int32_t whole_model, double learning_rate,
                          double beta_1, double beta_2, double eps, double weight_decay, int32_t amsgrad, ctorch_optim *optim);

/** AdamW: the weight decay does not pass through the moments. */
int32_t ctorch_optim_adamw(const ctorch_tensor parameters[], int32_t n_parameters, int32_t whole_model, double learning_rate,
                           double beta_1, double beta_2, double eps, double weight_decay, int32_t amsgrad, ctorch_optim *optim);

/** Adagrad. */
int32_t ctorch_optim_adagrad(const ctorch_tensor parameters[], int32_t n_parameters, int32_t whole_model, double learning_rate,
                             double lr_decay, double weight_decay, double initial_accumulator_value, double eps,
                             ctorch_optim *optim);

/** RMSprop. */
int32_t ctorch_optim_rmsprop(const ctorch_tensor parameters[], int32_t n_parameters, int32_t whole_model, double learning_rate,
                             double alpha, double eps, double weight_decay, double momentum, int32_t centered,
                             ctorch_optim *optim);

/** L-BFGS; max_eval 0 means 5/4 of max_iter. Its steps need a closure, and it has one group. */
int32_t ctorch_optim_lbfgs(const ctorch_tensor parameters[], int32_t n_parameters, int32_t whole_model, double learning_rate,
                           int32_t max_iter, int32_t max_eval, double tolerance_grad, double tolerance_change,
                           int32_t history_size, int32_t strong_wolfe, ctorch_optim *optim);

/** Another handle on the same optimizer; the last one that is deleted frees it. */
int32_t ctorch_optim_share(const ctorch_optim *source, ctorch_optim *target);

/** Whether two handles name the same optimizer. */
int32_t ctorch_optim_same(const ctorch_optim *a, const ctorch_optim *b, int32_t *answer);

/** Releases the handle and nulls it. Null and stale handles are accepted. */
int32_t ctorch_optim_delete(ctorch_optim *optim);

/** Changes the parameters by their gradients. Parameters without a gradient stay as they are. */
int32_t ctorch_optim_step(const ctorch_optim *optim);

/** The same after (L-BFGS: while) the closure has computed loss and gradients; `loss` receives the first loss, detached. */
int32_t ctorch_optim_step_closure(const ctorch_optim *optim, ctorch_closure closure, void *context, ctorch_tensor *loss);

/** Forgets the gradients of all parameters. */
int32_t ctorch_optim_zero_grad(const ctorch_optim *optim);

/**
 * Adds parameters with a learning rate, a weight decay and options of their own: `names` are those of the arguments that made
 * the optimizer, separated by commas ("momentum,dampening"). What is not among them is as the optimizer was made.
 */
int32_t ctorch_optim_add_group(const ctorch_optim *optim, const ctorch_tensor parameters[], int32_t n_parameters,
                               int32_t whole_model, double learning_rate, double weight_decay, const char *names,
                               int64_t names_length, const double values[], int32_t n_values);

/** A number of a group's rule, by the name of the argument that gave it ("momentum", "beta_1"). */
int32_t ctorch_optim_option(const ctorch_optim *optim, int32_t group, const char *name, int64_t name_length, double *value);

/** Sets such a number of a group, or of all (group 0). A momentum that was zero stays zero, and one that was not does not
 * become it. */
int32_t ctorch_optim_set_option(const ctorch_optim *optim, int32_t group, const char *name, int64_t name_length, double value);

/** Learning rate and weight decay that the optimizer was made with. */
int32_t ctorch_optim_defaults(const ctorch_optim *optim, double *learning_rate, double *weight_decay);

/** Number of groups. */
int32_t ctorch_optim_group_count(const ctorch_optim *optim, int32_t *count);

/** Learning rate of a group. */
int32_t ctorch_optim_learning_rate(const ctorch_optim *optim, int32_t group, double *learning_rate);

/** Sets the learning rate of a group, or of all (group 0). */
int32_t ctorch_optim_set_learning_rate(const ctorch_optim *optim, int32_t group, double learning_rate);

/** Learning rate that schedules start from: the one of the first time this is asked, unless set. */
int32_t ctorch_optim_base_learning_rate(const ctorch_optim *optim, int32_t group, double *learning_rate);

/** Sets the learning rate that schedules start from. */
int32_t ctorch_optim_set_base_learning_rate(const ctorch_optim *optim, int32_t group, double learning_rate);

/** Writes what the optimizer remembers as a dictionary of tensors. The file appears under its name when it is complete. */
int32_t ctorch_optim_save(const ctorch_optim *optim, const char *path, int64_t path_length);

/** Reads what ctorch_optim_save wrote of an optimizer of the same kind, options and parameters: all of it, or nothing. */
int32_t ctorch_optim_load(const ctorch_optim *optim, const char *path, int64_t path_length);

/** Scales all gradients so that the norm of them together is at most max_norm; norm is the one before. */
int32_t ctorch_clip_norm(const ctorch_tensor parameters[], int32_t n_parameters, double max_norm, double norm_type,
                         int32_t error_if_nonfinite, double *norm);

/** Cuts every element of all gradients to -max_value..max_value. */
int32_t ctorch_clip_value(const ctorch_tensor parameters[], int32_t n_parameters, double max_value);

/** Averages of parameters, at first copies of them. */
int32_t ctorch_average_start(ctorch_tensor averages[], const ctorch_tensor parameters[], int32_t count);

/** averages = decay * averages + (1 - decay) * parameters */
int32_t ctorch_average_update(const ctorch_tensor averages[], const ctorch_tensor parameters[], int32_t count, double decay);

/** Copies the averages into the parameters. */
int32_t ctorch_average_copy(const ctorch_tensor averages[], const ctorch_tensor parameters[], int32_t count);

/** Exchanges the values of averages and parameters. */
int32_t ctorch_average_swap(const ctorch_tensor averages[], const ctorch_tensor parameters[], int32_t count);

CTORCH_END

#endif
