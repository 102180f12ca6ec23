/**
 * Where calls between libraries go, decided anew after the dynamic linker has decided it.
 *
 * C, and a library of its own (libctorch_rebind): its constructor must run before any of PyTorch's.
 */
#ifndef CTORCH_REBIND_H
#define CTORCH_REBIND_H

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Lets every use of a function or variable by one loaded library go to another address.
 *
 * @param library  handle that dlopen gave, also with RTLD_NOLOAD
 * @param name     of the symbol, without version
 * @param target   address to be used from now on; null changes nothing, to ask only
 * @return address that was used before; null if the library does not use the name or cannot be changed
 */
void* ctorch_rebind(void* library, const char* name, void* target);

/**
 * Lets a library that was opened after PyTorch use its own symbols and those of the libraries it needs, not the host's.
 *
 * @param library  handle that dlopen gave
 * @return 0 if it could not be changed
 */
int ctorch_rebind_own(void* library);

/** Null if PyTorch's own symbols are used by PyTorch; otherwise a sentence that says what hindered it. */
const char* ctorch_rebind_failure(void);

#ifdef __cplusplus
}
#endif
#endif
