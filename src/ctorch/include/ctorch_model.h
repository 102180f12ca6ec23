/**
 * @file ctorch_model.h
 * @brief Models: loaded, called, differentiated, saved, and what their contract says.
 */
#ifndef CTORCH_MODEL_H
#define CTORCH_MODEL_H

#include <stdint.h>

#include "ctorch_array.h"
#include "ctorch_linkage.h"
#include "ctorch_tensor.h"

CTORCH_BEGIN

/** A model; zero means "no model". */
typedef struct ctorch_model {
  uint64_t id;
} ctorch_model;

/**
 * Loads a model; the content of the file decides how. requires_grad (1; 0 freezes the weights; -1 leaves them as in the file)
 * and is_training prepare it for training, which compiled packages refuse. A model that carries its contract is warmed up here,
 * so that the first time step costs what the others cost. trust admits a compiled package without a contract. sha256 (64
 * hexadecimal digits; length 0: any file) refuses every file but the one with this sum before anything in it is looked at.
 * allow_random admits a network that draws random numbers in evaluation mode, as one does that was traced in training mode;
 * such a model is neither warmed up nor tested against its sample.
 */
int32_t ctorch_model_load(const char *path, int64_t path_length, int32_t device_type, int32_t device_index,
                          int32_t requires_grad, int32_t is_training, int32_t trust, const char *sha256, int64_t sha256_length,
                          int32_t allow_random, ctorch_model *model);

/** The same from the bytes of a model file, which may go when this returns; name is what messages call them, or empty. */
int32_t ctorch_model_load_bytes(const void *bytes, int64_t size, const char *name, int64_t name_length, int32_t device_type,
                                int32_t device_index, int32_t requires_grad, int32_t is_training, int32_t trust,
                                const char *sha256, int64_t sha256_length, int32_t allow_random, ctorch_model *model);

/** The same from a file that is open for reading, which stays the caller's; ranks share the memory of one so. */
int32_t ctorch_model_load_open(int32_t descriptor, const char *name, int64_t name_length, int32_t device_type,
                               int32_t device_index, int32_t requires_grad, int32_t is_training, int32_t trust,
                               const char *sha256, int64_t sha256_length, int32_t allow_random, ctorch_model *model);

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

/**
 * Whether calls of a model on a device are recorded as graphs and done again as a whole, where nothing but numbers changes
 * from call to call. The first two calls of each shape run as ever, the third is recorded; other shapes or addresses are
 * recorded by themselves. What cannot be recorded runs as ever, and is counted. Nothing happens on the CPU; a device that
 * this PyTorch has no graphs for, and a network that draws random numbers, are errors.
 */
int32_t ctorch_model_use_graphs(const ctorch_model *model, int32_t on);

/** Calls that were recorded, calls that a graph has done, shapes that could not be recorded, and why the last of them. */
int32_t ctorch_model_graph_stats(const ctorch_model *model, int64_t *captures, int64_t *replays, int64_t *refusals,
                                 const char **reason, int64_t *length);

/** Another handle on the same model; the last one that is deleted frees it. */
int32_t ctorch_model_share(const ctorch_model *source, ctorch_model *target);

/** Marks the result of a function as temporary, so that sharing it moves it. */
int32_t ctorch_model_yield(const ctorch_model *model);

/** Releases the handle and nulls it. Null and stale handles are accepted. */
int32_t ctorch_model_delete(ctorch_model *model);

/**
 * Runs the model. Output handles that hold a tensor are written into, which needs exactly the right shape and dtype; null
 * ones receive the result. With requires_grad all outputs receive the result, connected to the graph; host memory that one of
 * them wrapped receives the values. With convert, dtypes
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

/**
 * The same for samples that lie in several blocks of arrays, in one call of the network: the arrays of the first block, then
 * those of the second ... All have the dimension that counts the samples, the first of the tensor; a block may have none.
 */
int32_t ctorch_model_infer_blocks(const ctorch_model *model, const ctorch_array inputs[], int32_t n_inputs,
                                  const ctorch_array outputs[], int32_t n_outputs, int32_t n_blocks, int32_t convert);

/**
 * Jacobian matrix of a model of one input and one output straight into a host array of the shape of the output, then that of
 * the input. y may be null; otherwise it receives the output. One sample may be given without the batch dimension when the
 * model's contract names one: then neither shape has it.
 */
int32_t ctorch_model_jacobian(const ctorch_model *model, const ctorch_array *x, const ctorch_array *y,
                              const ctorch_array *derivative, int32_t convert);

/** The same for the second derivatives of a model whose output is a single number: the shape of the input twice. */
int32_t ctorch_model_hessian(const ctorch_model *model, const ctorch_array *x, const ctorch_array *y,
                             const ctorch_array *derivative, int32_t convert);

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
