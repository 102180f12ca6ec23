/**
 * @file ctorch_random.h
 * @brief The states of PyTorch's random generators.
 */
#ifndef CTORCH_RANDOM_H
#define CTORCH_RANDOM_H

#include "ctorch_linkage.h"
#include "ctorch_tensor.h"

CTORCH_BEGIN

/** The state of a device's generator, as a tensor of bytes. */
int32_t ctorch_random_get_state(int32_t device_type, int32_t device_index, ctorch_tensor *state);

/** Puts a state back. */
int32_t ctorch_random_set_state(int32_t device_type, int32_t device_index, const ctorch_tensor *state);

CTORCH_END

#endif
