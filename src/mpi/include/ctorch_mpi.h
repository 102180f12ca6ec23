/**
 * @file ctorch_mpi.h
 * @brief The C interface of libftorch_mpi, which the module ftorch_mpi binds to.
 *
 * Results are statuses, as in ctorch.h, and a message in ctorch_mpi_last_error. All but the entries that say so are collective:
 * every rank of the communicator calls them, and if one fails on any rank, it fails on all, with the same status and message.
 * Communicators are Fortran's integers. Strings are pointer and length.
 */
#ifndef CTORCH_MPI_H
#define CTORCH_MPI_H

#include <ctorch_array.h>
#include <ctorch_linkage.h>
#include <ctorch_model.h>
#include <ctorch_trainer.h>
#include <stdint.h>

CTORCH_BEGIN

/** Not collective. Message of the last failed call on this thread, and the rank it comes from; -1 if this rank found it alone.
 */
int32_t ctorch_mpi_last_error(const char **text, int64_t *length, int32_t *rank);

/** Not collective. The caller's rank, and by the way whether the communicator can be used at all. */
int32_t ctorch_mpi_rank(int32_t comm, int32_t *rank);

/** Not collective. Ends the job with this exit code; returns only if MPI cannot. The job is MPI_COMM_WORLD where comm is no
 * more. */
int32_t ctorch_mpi_abort(int32_t comm, int32_t code);

/** Waits for all ranks. */
int32_t ctorch_mpi_wait(int32_t comm);

/** Each rank brings a status and a message of its own; the first that is no success becomes everybody's. */
int32_t ctorch_mpi_agree(int32_t comm, int32_t mine, const char *message, int64_t length);

/** Fails on all ranks if the text of one is not that of rank 0; the first such rank is named. */
int32_t ctorch_mpi_same(int32_t comm, const char *text, int64_t length);

/**
 * The device of the caller, from its rank among those of its node: type and index, or the CPU's where there is none. wanted is
 * a type of devices, or -1 for the first type of which there are any.
 */
int32_t ctorch_mpi_device(int32_t comm, int32_t wanted, int32_t *device_type, int32_t *device_index);

/** Counts the cores of the caller's share of its node and tells libctorch. */
int32_t ctorch_mpi_share_cores(int32_t comm, int32_t *cores);

/** What runs where, as text for rank 0; the others get an empty one. It stays until the next call on the same thread. */
int32_t ctorch_mpi_report(int32_t comm, const char **text, int64_t *length);

/**
 * ctorch_model_load on all ranks from one reading of the file, by rank 0: every machine has its bytes once. The name must be
 * the same everywhere; devices need not be. On a failure, the models of all ranks stay what they were.
 */
int32_t ctorch_mpi_model_load(int32_t comm, const char *path, int64_t path_length, int32_t device_type, int32_t device_index,
                              int32_t requires_grad, int32_t is_training, int32_t trust, const char *sha256,
                              int64_t sha256_length, int32_t allow_random, ctorch_model *model);

/** ctorch_trainer_load in the same way; each rank has a state of its own. */
int32_t ctorch_mpi_trainer_load(int32_t comm, const char *path, int64_t path_length, int32_t device_type, int32_t device_index,
                                const char *sha256, int64_t sha256_length, ctorch_trainer *trainer);

/**
 * Between the halves of a compiled step: gradients, loss and buffers of the trainer become their means over all ranks, each of
 * which counts by its samples. One without samples need not have taken the first half. With finite, a loss or gradient that is
 * infinite or no number is an error; otherwise the second half decides. After an error there are no gradients to apply.
 */
int32_t ctorch_mpi_trainer_average(int32_t comm, const ctorch_trainer *trainer, int64_t samples, int32_t finite);

/** The same, and then the second half. mine is the status of the first half on this rank, message what it has said. */
int32_t ctorch_mpi_trainer_step(int32_t comm, const ctorch_trainer *trainer, int64_t samples, int32_t finite, int32_t mine,
                                const char *message, int64_t length, double *loss);

/** Not collective. Seconds after which a rank fails that waits for another which does not call; 0: never. */
int32_t ctorch_mpi_set_timeout(double seconds);

/**
 * A pool of columns: those of all ranks are computed by its owners. owner is 1 or 0, or -1 on all ranks for one rank for each
 * device or machine; ranks that are none need no model. local_share of its columns a rank computes itself. largest_batch is how
 * many columns one call of the network has at most; 0 for no limit. pool is a number that is not 0.
 */
int32_t ctorch_mpi_pool_create(int32_t comm, const ctorch_model *model, int32_t owner, double local_share,
                               int64_t largest_batch, int64_t *pool);

/**
 * Begins a call. Columns are counted by the first dimension of each tensor; a rank may have none. The arrays must stay where
 * they are until ctorch_mpi_pool_finish has returned, which also has the errors of all ranks.
 */
int32_t ctorch_mpi_pool_start(int64_t pool, const ctorch_array inputs[], int32_t n_inputs, const ctorch_array outputs[],
                              int32_t n_outputs, int32_t convert);

/** Ends the call under way: the outputs are there. */
int32_t ctorch_mpi_pool_finish(int64_t pool);

/** Computes for others until they delete the pool. For owners without columns. */
int32_t ctorch_mpi_pool_serve(int64_t pool);

/** Not collective. Calls; columns that this rank computed; bytes that it sent and received; seconds of waiting and computing.
 */
int32_t ctorch_mpi_pool_stats(int64_t pool, int32_t *is_owner, int64_t *calls, int64_t *columns, int64_t *bytes,
                              double *waiting, double *network);

/** Deletes the pool on all ranks and sets it to 0, which is accepted too. Ranks that serve are told, and return. */
int32_t ctorch_mpi_pool_delete(int64_t *pool);

/**
 * Averages the gradients of a model's parameters over ranks, each with the number of samples that they come from; 0 for a rank
 * that has none. Where no rank has a gradient there is none afterwards. With check_finite a NaN or an infinity is an error.
 */
int32_t ctorch_mpi_average_gradients(int32_t comm, const ctorch_model *model, int64_t samples, int32_t check_finite);

/**
 * The same around backward: what is large is added up while backward computes the rest. Between start and finish, whose number
 * is average, backward is called once. start needs average to be 0, and finish sets it to 0.
 */
int32_t ctorch_mpi_average_start(int32_t comm, const ctorch_model *model, int64_t samples, int64_t *average);
int32_t ctorch_mpi_average_finish(int64_t *average, int32_t check_finite);

/** Gives the parameters and buffers of rank 0's model, or its buffers only, to those of all ranks. */
int32_t ctorch_mpi_model_broadcast(int32_t comm, const ctorch_model *model, int32_t buffers_only);

CTORCH_END

#endif
