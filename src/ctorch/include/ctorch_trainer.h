/**
 * @file ctorch_trainer.h
 * @brief Trainers: a whole step of training (forward, loss, backward, optimizer, schedule) that was compiled into one file.
 *
 * A trainer's state is a list of named tensors: weights and buffers with their names in Python's state_dict, and the trainer's
 * own, whose names begin with "trainer.".
 */
#ifndef CTORCH_TRAINER_H
#define CTORCH_TRAINER_H

#include "ctorch_array.h"
#include "ctorch_linkage.h"
#include "ctorch_model.h"
#include "ctorch_tensor.h"

CTORCH_BEGIN

/** A trainer; zero means "no trainer". */
typedef struct ctorch_trainer {
  uint64_t id;
} ctorch_trainer;

/** Loads a training package that pt2ts export-training wrote. sha256 is the digest that the file must have, or empty. */
int32_t ctorch_trainer_load(const char *path, int64_t path_length, const char *sha256, int64_t sha256_length,
                            ctorch_trainer *trainer);

/** The same from the bytes of such a file, which may go when this returns; name is what messages call them, or empty. */
int32_t ctorch_trainer_load_bytes(const void *bytes, int64_t size, const char *name, int64_t name_length, const char *sha256,
                                  int64_t sha256_length, ctorch_trainer *trainer);

/** The same from a file that is open for reading, which stays the caller's; ranks share the memory of one so. */
int32_t ctorch_trainer_load_open(int32_t descriptor, const char *name, int64_t name_length, const char *sha256,
                                 int64_t sha256_length, ctorch_trainer *trainer);

/** Another handle on the same trainer; the last one that is deleted frees it. */
int32_t ctorch_trainer_share(const ctorch_trainer *source, ctorch_trainer *target);

/** Releases the handle and nulls it. Null and stale handles are accepted. */
int32_t ctorch_trainer_delete(ctorch_trainer *trainer);

/**
 * Takes a step, or with update 0 only evaluates (evaluation mode, nothing changes); loss is the one before the step. With
 * convert, dtypes are converted. Everything is checked before anything runs.
 */
int32_t ctorch_trainer_run(const ctorch_trainer *trainer, int32_t update, const ctorch_tensor inputs[], int32_t n_inputs,
                           const ctorch_tensor targets[], int32_t n_targets, int32_t convert, double *loss);

/** The same straight from host arrays, for one input and one target. */
int32_t ctorch_trainer_run_arrays(const ctorch_trainer *trainer, int32_t update, const ctorch_array *x, const ctorch_array *y,
                                  int32_t convert, double *loss);

/** The base learning rate, or with `last` the one of the last step, after the schedule. */
int32_t ctorch_trainer_learning_rate(const ctorch_trainer *trainer, int32_t last, double *learning_rate);

/** Sets the base learning rate; the schedule goes on from there. */
int32_t ctorch_trainer_set_learning_rate(const ctorch_trainer *trainer, double learning_rate);

/** Sets where the random numbers of dropout start. */
int32_t ctorch_trainer_set_seed(const ctorch_trainer *trainer, int64_t seed);

/** Number of steps taken so far; skipped ones do not count. */
int32_t ctorch_trainer_count(const ctorch_trainer *trainer, int64_t *count);

/** Writes the whole state as a file that Python's torch.load reads; an older file is replaced in one step at the end. */
int32_t ctorch_trainer_save(const ctorch_trainer *trainer, const char *path, int64_t path_length);

/** Reads it back. Every name, dtype and shape must fit, otherwise nothing changes. */
int32_t ctorch_trainer_restore(const ctorch_trainer *trainer, const char *path, int64_t path_length);

/** Names of the state's tensors, one a line. */
int32_t ctorch_trainer_names(const ctorch_trainer *trainer, const char **text, int64_t *length);

/** A copy of the state's tensor of this name. */
int32_t ctorch_trainer_get_tensor(const ctorch_trainer *trainer, const char *name, int64_t name_length, ctorch_tensor *tensor);

/** Copies values into the state's tensor of this name: exactly its shape, and its dtype unless they are to be converted. */
int32_t ctorch_trainer_set_tensor(const ctorch_trainer *trainer, const char *name, int64_t name_length,
                                  const ctorch_tensor *values, int32_t convert);

/** The contract as JSON text. */
int32_t ctorch_trainer_contract(const ctorch_trainer *trainer, const char **text, int64_t *length);

/** Copies the trainer's weights and buffers into a model that has the same, by name. */
int32_t ctorch_model_take_weights(const ctorch_model *model, const ctorch_trainer *trainer);

CTORCH_END

#endif
