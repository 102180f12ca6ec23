/**
 * @file ctorch_linkage.h
 * @brief How the prototypes of all headers are linked.
 */
#ifndef CTORCH_LINKAGE_H
#define CTORCH_LINKAGE_H

/* Around the prototypes of every header: C linkage, and visible although the libraries hide everything else. */
#if defined(__cplusplus)
#define CTORCH_BEGIN _Pragma("GCC visibility push(default)") extern "C" {
#define CTORCH_END \
  }                \
  _Pragma("GCC visibility pop")
#else
#define CTORCH_BEGIN _Pragma("GCC visibility push(default)")
#define CTORCH_END _Pragma("GCC visibility pop")
#endif

#endif
