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

/** What ctorch_trainer_run computes. */
enum {
  CTORCH_RUN_EVALUATE = 0, /**< the loss in evaluation mode; nothing changes */
  CTORCH_RUN_STEP = 1,     /**< a step of training */
  CTORCH_RUN_GRADIENTS = 2 /**< the first half of a step; ctorch_trainer_apply is the second */
};

/** What passes from the first half of a step to the second. */
enum {
  CTORCH_EXCHANGE_GRADIENTS = 0, /**< gradients of all weights that are trained, float32 or float64 */
  CTORCH_EXCHANGE_BUFFERS = 1,   /**< what forward made of buffers of the network, such as running means; any dtype */
  CTORCH_EXCHANGE_LOSS = 2       /**< one float64 */
};

/** Loads a training package that pt2ts export-training wrote. sha256 is the digest that the file must have, or empty. */
int32_t ctorch_trainer_load(const char *path, int64_t path_length, const char *sha256, int64_t sha256_length,
                            ctorch_trainer *trainer);

/** The same from the bytes of such a file, which may go when this returns; name is what messages call them, or empty. */
int32_t ctorch_trainer_load_bytes(const void *bytes, int64_t size, const char *name, int64_t name_length, const char *sha256,
                                  int64_t sha256_length, ctorch_trainer *trainer);

/** The same from a file that is open for reading, which stays the caller's; ranks share the memory of one so. */
int32_t ctorch_trainer_load_open(int32_t descriptor, const char *name, int64_t name_length, const char *sha256,
                                 int64_t sha256_length, ctorch_trainer *trainer);

/**
 * The same three for a device: the file's code for it is taken, checked before anything is loaded, and the state lives there. A
 * file without such code is refused. device_index -1 is the device that is current on the thread.
 */
int32_t ctorch_trainer_load_on(const char *path, int64_t path_length, int32_t device_type, int32_t device_index,
                               const char *sha256, int64_t sha256_length, ctorch_trainer *trainer);
int32_t ctorch_trainer_load_bytes_on(const void *bytes, int64_t size, const char *name, int64_t name_length,
                                     int32_t device_type, int32_t device_index, const char *sha256, int64_t sha256_length,
                                     ctorch_trainer *trainer);
int32_t ctorch_trainer_load_open_on(int32_t descriptor, const char *name, int64_t name_length, int32_t device_type,
                                    int32_t device_index, const char *sha256, int64_t sha256_length, ctorch_trainer *trainer);

/** Another handle on the same trainer; the last one that is deleted frees it. */
int32_t ctorch_trainer_share(const ctorch_trainer *source, ctorch_trainer *target);

/** Releases the handle and nulls it. Null and stale handles are accepted. */
int32_t ctorch_trainer_delete(ctorch_trainer *trainer);

/**
 * Takes a step or the first half of one, or evaluates: function is one of CTORCH_RUN_*. loss_or_null is the one before the
 * step; with null nobody waits for a device. With convert, dtypes are converted. Everything is checked before anything runs.
 * The first half changes only what it passes on, and replaces what an earlier one has passed on.
 */
int32_t ctorch_trainer_run(const ctorch_trainer *trainer, int32_t function, const ctorch_tensor inputs[], int32_t n_inputs,
                           const ctorch_tensor targets[], int32_t n_targets, int32_t convert, double *loss_or_null);

/** The same straight from arrays, for one input and one target; those of a trainer on a device may lie there or on the host. */
int32_t ctorch_trainer_run_arrays(const ctorch_trainer *trainer, int32_t function, const ctorch_array *x, const ctorch_array *y,
                                  int32_t convert, double *loss_or_null);

/**
 * The second half of a step: weights and all that a step changes, from the gradients that are there. They are used up. loss is
 * the one that was passed on, or NaN if the step is skipped because it or a gradient is not finite.
 */
int32_t ctorch_trainer_apply(const ctorch_trainer *trainer, double *loss);

/** Instead of the first half, for a rank without samples: gradients and loss are zero, buffers stay what they are. */
int32_t ctorch_trainer_no_gradients(const ctorch_trainer *trainer);

/** Number of the flat arrays that pass from the first half of a step to the second. */
int32_t ctorch_trainer_exchange_count(const ctorch_trainer *trainer, int32_t *count);

/**
 * One of them, by its index from 0: what it is (CTORCH_EXCHANGE_*), its dtype and size, and the address of its elements, which
 * may be read and written, belong to the trainer and stay where they are as long as it lives: in the host's memory, also where
 * the trainer is on a device.
 */
int32_t ctorch_trainer_exchange(const ctorch_trainer *trainer, int32_t index, int32_t *role, int32_t *dtype, int64_t *elements,
                                int64_t *bytes, void **data);

/**
 * Who writes into them in several pieces says whole = 0 before and 1 after: what is half written cannot be applied. It is an
 * error to begin where there are no gradients.
 */
int32_t ctorch_trainer_mark_gradients(const ctorch_trainer *trainer, int32_t whole);

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

/** Copies the trainer's weights and buffers into a model that has the same, by name, or that is a part of what is trained: its
 * names then stand behind one prefix in the trainer. */
int32_t ctorch_model_take_weights(const ctorch_model *model, const ctorch_trainer *trainer);

CTORCH_END

#endif
