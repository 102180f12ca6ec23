/**
 * @file ctorch.h
 * @brief C interface of the Fortran-PyTorch coupling: tensors and models behind opaque handles.
 *
 * Rules that hold for every entry:
 * - It returns a status (CTORCH_SUCCESS or CTORCH_ERROR_*); ctorch_last_error explains the last failure on this thread.
 *   Nothing is printed, nothing exits, no C++ exception gets out.
 * - A handle is a tagged number, not an address. It is owned by whoever received it and is given back with ..._delete, which
 *   accepts null and stale handles and nulls the caller's copy. Using a stale handle is an error, never undefined behaviour.
 * - Output handles are replaced: a handle found in the variable is released once the call has succeeded.
 * - Strings are given as (pointer, length) and need no terminating null. Strings that come back belong to the library and
 *   stay valid until the next call that returns a string on the same thread.
 * - Booleans are int32_t, 0 or 1. Shapes and strides count elements unless the name says bytes.
 * - What the interface of 2023 calls a module is a model here: its module_load, forward and delete are ctorch_model_load,
 *   ctorch_model_forward and ctorch_model_delete; ctorch_tensor_from_blob has kept its name.
 * - The host program's OpenMP thread count and floating-point environment are the same before and after every call.
 *
 * The headers included below are the one source of the interface: the loader's entries and the Fortran interfaces are
 * generated from their prototypes, so keep to the forms that are used there. A source file includes those it needs, so that
 * a new entry does not compile everything again.
 */
#ifndef CTORCH_H
#define CTORCH_H

#include "ctorch_array.h"
#include "ctorch_autograd.h"
#include "ctorch_checkpoint.h"
#include "ctorch_device.h"
#include "ctorch_elements.h"
#include "ctorch_event.h"
#include "ctorch_model.h"
#include "ctorch_operand.h"
#include "ctorch_ops.h"
#include "ctorch_optim.h"
#include "ctorch_parameters.h"
#include "ctorch_random.h"
#include "ctorch_request.h"
#include "ctorch_runtime.h"
#include "ctorch_tensor.h"
#include "ctorch_trainer.h"
#include "ctorch_types.h"
#include "ctorch_version.h"

#endif
