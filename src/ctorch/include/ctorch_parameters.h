/**
 * @file ctorch_parameters.h
 * @brief What a model keeps: its weights (parameters) and buffers, by name and all together; mode, place and state files.
 *
 * `kind` is CTORCH_PARAMETER or CTORCH_BUFFER. Names are those of Python's state_dict.
 */
#ifndef CTORCH_PARAMETERS_H
#define CTORCH_PARAMETERS_H

#include "ctorch_linkage.h"
#include "ctorch_model.h"
#include "ctorch_tensor.h"

CTORCH_BEGIN

enum {
  CTORCH_PARAMETER = 0, /**< a weight: what training changes */
  CTORCH_BUFFER = 1     /**< a tensor that the network keeps beside its weights, running means for instance */
};

/** Names, one a line. */
int32_t ctorch_model_names(const ctorch_model *model, int32_t kind, const char **text, int64_t *length);

/** Number of parameters or buffers. */
int32_t ctorch_model_count(const ctorch_model *model, int32_t kind, int32_t *count);

/** A handle that shares the tensor of this name with the model. */
int32_t ctorch_model_get_tensor(const ctorch_model *model, int32_t kind, const char *name, int64_t name_length,
                                ctorch_tensor *tensor);

/** Copies values into the tensor of this name: exactly its shape, and its dtype unless they are to be converted. */
int32_t ctorch_model_set_tensor(const ctorch_model *model, int32_t kind, const char *name, int64_t name_length,
                                const ctorch_tensor *values, int32_t convert);

/** Number of elements of all parameters together. */
int32_t ctorch_model_flat_size(const ctorch_model *model, int64_t *size);

/**
 * Copies all parameters, or with `gradients` their gradients (zero where there is none), one after the other into memory of
 * `size` elements of CTORCH_DTYPE_FLOAT32 or FLOAT64.
 */
int32_t ctorch_model_flatten(const ctorch_model *model, int32_t gradients, void *values, int64_t size, int32_t dtype,
                             int32_t convert);

/** The reverse. Gradients are set for parameters that require them. */
int32_t ctorch_model_unflatten(const ctorch_model *model, int32_t gradients, void *values, int64_t size, int32_t dtype,
                               int32_t convert);

/**
 * Handles that share the gradients of the parameters, as many as ctorch_model_count_parameters says; those of parameters
 * without one are left as they are. wanted may be null; a parameter whose entry is not 0 gets a gradient of zeros where it has
 * none.
 */
int32_t ctorch_model_gradients(const ctorch_model *model, const int64_t wanted[], ctorch_tensor gradients[],
                               int32_t n_gradients);

/** Told that the gradient of a parameter, counted from 0, is complete. The handle is the watcher's, to be deleted by it. */
typedef void (*ctorch_gradient_watcher)(void *context, int32_t parameter, ctorch_tensor gradient);

/**
 * From now on, backward calls the watcher each time that it has completed the gradient of a parameter; null ends that. A model
 * has one watcher at most, which runs on the thread of autograd: for a model on the CPU, the caller's.
 */
int32_t ctorch_model_watch_gradients(const ctorch_model *model, ctorch_gradient_watcher watcher, void *context);

/** Whether gradients are wanted for the parameters whose names match the pattern (* any characters, ? one). */
int32_t ctorch_model_set_requires_grad(const ctorch_model *model, int32_t requires_grad, const char *pattern,
                                       int64_t pattern_length);

/** Training or evaluation mode. */
int32_t ctorch_model_set_training(const ctorch_model *model, int32_t on);

/** Forgets the gradients of all parameters. */
int32_t ctorch_model_zero_grad(const ctorch_model *model);

/** A model of its own with equal weights. */
int32_t ctorch_model_copy(const ctorch_model *source, ctorch_model *target);

/** Moves the model to a device and its floating-point tensors to a dtype (CTORCH_DEVICE_SAME, CTORCH_DTYPE_DEFAULT keep them).
 */
int32_t ctorch_model_to(const ctorch_model *model, int32_t device_type, int32_t device_index, int32_t dtype);

/** Writes parameters and buffers as Python's torch.save(module.state_dict(), path) does. */
int32_t ctorch_model_save_state(const ctorch_model *model, const char *path, int64_t path_length);

/** Reads them; with strict every name, dtype and shape must fit. */
int32_t ctorch_model_load_state(const ctorch_model *model, const char *path, int64_t path_length, int32_t strict);

CTORCH_END

#endif
