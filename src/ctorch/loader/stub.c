/**
 * libctorch without an implementation, for hosts that are built with machine learning off: the same entries, and no PyTorch
 * anywhere.
 *
 * Every entry fails with CTORCH_ERROR_LIBRARY and a message that says how to switch it on. Only releasing succeeds: there is
 * never anything to release, and compilers do it behind the program's back. The bodies are made from the C headers, as the
 * loader's are.
 */
#include <string.h>

#define CTORCH_IS_THE_LIBRARY
#include "ctorch.h"

static const char message[] =
    "this program was linked with the stub of the library, which runs no networks: machine learning is switched off. To switch it on, "
    "link the library itself: FTorch::ftorch instead of FTorch::stub in CMake, pkg-config ftorch instead of ftorch_stub, python -m "
    "ftorch --ldflags without --stub; or build it without -DFTORCH_STUB=ON";

void ctorch_interface_announce(const ctorch_interface *caller) { (void)caller; }

static int32_t stub_ctorch_last_error(const char **text, int64_t *length) {
  if (!text || !length) return CTORCH_ERROR_ARGUMENT;
  *text = message;
  *length = (int64_t)strlen(message);
  return CTORCH_SUCCESS;
}

#include "ctorch_stub_entries.inc"
