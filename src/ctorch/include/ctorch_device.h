/**
 * @file ctorch_device.h
 * @brief Which devices there are, their streams, and waiting for their work. Everywhere a device index of -1 means the
 * device of the type that is current on the calling thread (cudaSetDevice, acc_set_device_num).
 */
#ifndef CTORCH_DEVICE_H
#define CTORCH_DEVICE_H

#include <stdint.h>

#include "ctorch_linkage.h"
#include "ctorch_types.h"

CTORCH_BEGIN

/** Number of devices of one type that are present; 0 for a type this libtorch does not know. */
int32_t ctorch_device_count(int32_t device_type, int32_t *count);

/** Waits for the work queued on a device, on all its streams. Does nothing on the CPU. */
int32_t ctorch_device_synchronize(int32_t device_type, int32_t device_index);

/** Waits for the stream that PyTorch queues the calling thread's work on. Does nothing on the CPU. */
int32_t ctorch_device_synchronize_stream(int32_t device_type, int32_t device_index);

/**
 * Lets PyTorch queue the calling thread's work for a device on a stream of the program (a cudaStream_t, hipStream_t or
 * sycl::queue *), which must live until PyTorch has another one; null is the default stream.
 */
int32_t ctorch_device_set_stream(void *handle, int32_t device_type, int32_t device_index);

/**
 * Bytes of a device's memory: in tensors now, the most that ever were, taken from the device by PyTorch, free on the device
 * whoever has the rest, and its whole memory. All are 0 for the CPU, and each that a kind of device does not tell.
 */
int32_t ctorch_device_memory(int32_t device_type, int32_t device_index, int64_t *allocated, int64_t *peak, int64_t *reserved,
                             int64_t *free, int64_t *total);

/** Gives back to the devices of a type what PyTorch keeps of their memory for later. Does nothing on the CPU. */
int32_t ctorch_device_empty_cache(int32_t device_type);

/**
 * The most that PyTorch may take of a device from now on: beyond it a call fails with CTORCH_ERROR_MEMORY, whatever is free.
 * The whole device, or more, is no limit. For CUDA.
 */
int32_t ctorch_device_limit_memory(int64_t bytes, int32_t device_type, int32_t device_index);

CTORCH_END

#endif
