/**
 * @file ctorch_device.h
 * @brief Which devices there are, and waiting for their work.
 */
#ifndef CTORCH_DEVICE_H
#define CTORCH_DEVICE_H

#include <stdint.h>

#include "ctorch_linkage.h"
#include "ctorch_types.h"

CTORCH_BEGIN

/** Number of devices of one type that are present; 0 for a type this libtorch does not know. */
int32_t ctorch_device_count(int32_t device_type, int32_t *count);

/** Waits for the work queued on a device; index -1 is the current one. Does nothing on the CPU. */
int32_t ctorch_device_synchronize(int32_t device_type, int32_t device_index);

CTORCH_END

#endif
