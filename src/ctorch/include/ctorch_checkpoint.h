/**
 * @file ctorch_checkpoint.h
 * @brief Checkpoints: all that a training run needs to go on, in one file that is complete or not there.
 */
#ifndef CTORCH_CHECKPOINT_H
#define CTORCH_CHECKPOINT_H

#include "ctorch_linkage.h"
#include "ctorch_model.h"
#include "ctorch_operand.h"
#include "ctorch_optim.h"
#include "ctorch_tensor.h"

CTORCH_BEGIN

/**
 * Writes the model's state, that of the optimizer if has_optim, the numbers of a schedule unless n_schedule is -1, the step
 * unless it is CTORCH_ABSENT, the caller's own tensors, and the random generators' states. An older file is replaced in one
 * step at the end.
 */
int32_t ctorch_checkpoint_save(const char *path, int64_t path_length, const ctorch_model *model, const ctorch_optim *optim,
                               int32_t has_optim, const double schedule[], int32_t n_schedule, int64_t step,
                               const ctorch_tensor more[], int32_t n_more);

/**
 * Reads one back; what is asked for must be in it and fit. Nothing changes unless all does; with `apply` 0 it is only checked,
 * and `schedule` and `step` are filled. Tensors of `more` that wrap host arrays are written through, others receive the tensor.
 */
int32_t ctorch_checkpoint_load(const char *path, int64_t path_length, const ctorch_model *model, const ctorch_optim *optim,
                               int32_t has_optim, double schedule[], int32_t n_schedule, int32_t has_step, int64_t *step,
                               ctorch_tensor more[], int32_t n_more, int32_t apply);

CTORCH_END

#endif
