/**
 * @file ctorch_event.h
 * @brief Events: places in the work of a stream of a device, which threads and other streams can wait for. On the CPU
 * everything has been done when a call returns, and nobody waits.
 */
#ifndef CTORCH_EVENT_H
#define CTORCH_EVENT_H

#include <stdint.h>

#include "ctorch_linkage.h"
#include "ctorch_types.h"

CTORCH_BEGIN

/** An event; zero means "no event". */
typedef struct ctorch_event {
  uint64_t id;
} ctorch_event;

/** Puts an event behind what the calling thread has queued on its stream of a device. An event that was there is replaced. */
int32_t ctorch_event_record(ctorch_event *event, int32_t device_type, int32_t device_index);

/**
 * Lets the calling thread's stream wait for an event of another stream: what is queued there from now on comes after it. The
 * thread does not wait. device_index is that of the stream, -1 for the event's own device.
 */
int32_t ctorch_event_hold_stream(const ctorch_event *event, int32_t device_index);

/** Waits, in the calling thread, until the work before the event is done. */
int32_t ctorch_event_synchronize(const ctorch_event *event);

/** Whether the work before the event is done. */
int32_t ctorch_event_done(const ctorch_event *event, int32_t *answer);

/** Another handle on the same event; the last one that is deleted frees it. */
int32_t ctorch_event_share(const ctorch_event *source, ctorch_event *target);

/** Releases the handle and nulls it. Null and stale handles are accepted. Nobody waits. */
int32_t ctorch_event_delete(ctorch_event *event);

CTORCH_END

#endif
