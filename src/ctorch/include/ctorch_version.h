/**
 * @file ctorch_version.h
 * @brief The version of the C interface, and how what was compiled with it says so.
 *
 * libctorch and what calls it may be of different age: users compile libftorch and their own programs themselves. Everything
 * that includes ctorch.h tells the library, before main, what it was compiled with. If that does not fit, every entry fails
 * with CTORCH_ERROR_LIBRARY and a message that names both sides, before PyTorch is loaded.
 */
#ifndef CTORCH_VERSION_H
#define CTORCH_VERSION_H

#include "ctorch_array.h"
#include "ctorch_linkage.h"
#include "ctorch_operand.h"

/** Grows when something that was there changes: an entry, a number or a structure. It is the SOVERSION of libctorch. */
#define CTORCH_INTERFACE_MAJOR 1
/** Grows when something is added: who was compiled for less works on. */
#define CTORCH_INTERFACE_MINOR 2

CTORCH_BEGIN

/** What a caller was compiled with. The first three stay where they are in all versions. */
typedef struct ctorch_interface {
  int64_t bytes;         /**< size of this structure */
  int32_t major, minor;  /**< the version of the C interface */
  int64_t array_bytes;   /**< size of ctorch_array */
  int64_t operand_bytes; /**< size of ctorch_operand */
} ctorch_interface;

/** Compares a caller with this library. The structure lies in the caller's own memory: its address tells which file that is. */
void ctorch_interface_announce(const ctorch_interface *caller);

CTORCH_END

#ifndef CTORCH_IS_THE_LIBRARY
/* Weak: a program that opens the library while it runs is not linked to it. */
#pragma weak ctorch_interface_announce
__attribute__((constructor)) static void ctorch_announce(void) {
  static const ctorch_interface mine = {sizeof(ctorch_interface), CTORCH_INTERFACE_MAJOR, CTORCH_INTERFACE_MINOR,
                                        sizeof(ctorch_array), sizeof(ctorch_operand)};
  if (ctorch_interface_announce) ctorch_interface_announce(&mine);
}
#endif

#endif
