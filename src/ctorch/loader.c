/**
 * libctorch: exports the C interface and loads its implementation, libctorch_torch, at the first call.
 *
 * Why a loader: a program that is linked to libtorch itself dies with "undefined symbol" before main when another version of
 * PyTorch is installed, and the old libgomp beside libtorch shadows the host's. This library depends on neither; it looks at
 * what is there and turns every problem into a status and a message. An entry costs one load, one branch and one jump.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fenv.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctorch.h"

typedef void (*any_function)(void);
typedef const char *(*text_function)(void);

static const char *const names[] = {
#include "ctorch_loader_names.inc"
};
enum { n_entries = sizeof names / sizeof names[0] };

static any_function implementation[n_entries];
static atomic_int state; /* 0 not tried, 1 loaded, 2 failed */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static char failure[8192];

/* The implementation lies beside this library, wherever the two were installed. */
static void implementation_path(char *path, size_t size) {
  Dl_info self;
  const char *name = dladdr((void *)&ctorch_last_error, &self) ? self.dli_fname : "";
  const char *slash = strrchr(name, '/');
  int folder = slash ? (int)(slash - name) : 0;
  snprintf(path, size, "%.*s%slibctorch_torch.so", folder, name, slash ? "/" : "");
}

static int same_minor(const char *built, const char *found) {
  const char *dot = strchr(built, '.');
  size_t minor = dot ? (size_t)(dot - built) + 1 + strspn(dot + 1, "0123456789") : strlen(built);
  return strncmp(built, found, minor) == 0 && (found[minor] < '0' || found[minor] > '9');
}

static void load(void) {
  char path[4096];
  implementation_path(path, sizeof path);
  const char *hint = "install torch==" CTORCH_TORCH_VERSION
                     " in the environment this library was installed into, "
                     "or build the library again for the PyTorch that is there";
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *reason = dlerror();
    snprintf(failure, sizeof failure, "this library was built for PyTorch %s and cannot use the one it found: %s; %s",
             CTORCH_TORCH_VERSION, reason ? reason : "unknown reason", hint);
    return;
  }
  text_function not_separated = (text_function)dlsym(library, "ctorch_rebind_failure");
  if (not_separated && not_separated()) {
    snprintf(failure, sizeof failure, "%s", not_separated());
    return;
  }
  text_function torch_version = (text_function)dlsym(library, "ctorch_implementation_torch_version");
  const char *found = torch_version ? torch_version() : "unknown";
  if (!same_minor(CTORCH_TORCH_VERSION, found)) {
    snprintf(failure, sizeof failure, "this library was built for PyTorch %s and found PyTorch %s; %s", CTORCH_TORCH_VERSION,
             found, hint);
    return;
  }
  for (int i = 0; i < n_entries; ++i) {
    implementation[i] = (any_function)dlsym(library, names[i]);
    if (!implementation[i]) {
      snprintf(failure, sizeof failure, "%s lacks %s: it belongs to another version of this library; install both anew", path,
               names[i]);
      return;
    }
  }
  any_function prepare = (any_function)dlsym(library, "ctorch_implementation_prepare");
  if (prepare) prepare();
  atomic_store_explicit(&state, 1, memory_order_release);
}

/*
 * Loading libtorch computes, tables for instance: the host's traps must not end the program there, nor its rounding and
 * flush-to-zero count, nor its flags tell of it.
 */
static void load_unnoticed(void) {
  fenv_t host;
  fegetenv(&host);
  fesetenv(FE_DFL_ENV);
  load();
  fesetenv(&host);
}

static int ready(void) {
  if (atomic_load_explicit(&state, memory_order_acquire) == 1) return 1;
  pthread_once(&once, load_unnoticed);
  return atomic_load_explicit(&state, memory_order_acquire) == 1;
}

static int32_t not_loaded_ctorch_last_error(const char **text, int64_t *length) {
  if (!text || !length) return CTORCH_ERROR_ARGUMENT;
  *text = failure;
  *length = (int64_t)strlen(failure);
  return CTORCH_SUCCESS;
}

#include "ctorch_loader_entries.inc"
