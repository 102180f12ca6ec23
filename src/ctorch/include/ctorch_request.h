/**
 * @file ctorch_request.h
 * @brief Requests: calls of models that are started, and waited for later.
 */
#ifndef CTORCH_REQUEST_H
#define CTORCH_REQUEST_H

#include <stdint.h>

#include "ctorch_array.h"
#include "ctorch_linkage.h"
#include "ctorch_model.h"

CTORCH_BEGIN

/** A call that was started; zero means "none". */
typedef struct ctorch_request {
  uint64_t id;
} ctorch_request;

/**
 * Begins what ctorch_model_infer_arrays does, on the calling thread's stream, and returns when it is queued; with a model on
 * the CPU it is done by then. The arrays stay where they are, inputs unchanged and outputs untouched, until the request has
 * been waited for. A request whose call is still under way is refused. What is wrong with the arguments is told here, what
 * fails on the device by ctorch_request_wait. The request keeps the model.
 */
int32_t ctorch_request_start(ctorch_request *request, const ctorch_model *model, const ctorch_array inputs[], int32_t n_inputs,
                             const ctorch_array outputs[], int32_t n_outputs, int32_t convert);

/** Waits, in the calling thread, which may be another one, until the outputs are there. A call is waited for once. */
int32_t ctorch_request_wait(const ctorch_request *request);

/** Whether ctorch_request_wait would not have to wait for the device. */
int32_t ctorch_request_done(const ctorch_request *request, int32_t *answer);

/** Another handle on the same request; the last one that is deleted frees it. */
int32_t ctorch_request_share(const ctorch_request *source, ctorch_request *target);

/**
 * Releases the handle and nulls it. Null and stale handles are accepted. A call that nobody has waited for is given up: this
 * waits until the device has done with the arrays, and leaves outputs on the host as they were.
 */
int32_t ctorch_request_delete(ctorch_request *request);

CTORCH_END

#endif
