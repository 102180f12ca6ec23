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
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CTORCH_IS_THE_LIBRARY
#include "ctorch.h"

typedef void (*any_function)(void);
typedef const char *(*text_function)(void);
typedef void (*interface_function)(int32_t *major, int32_t *minor);
typedef void (*start_function)(int32_t shared);

static const char *const names[] = {
#include "ctorch_loader_names.inc"
};
enum { n_entries = sizeof names / sizeof names[0] };

static any_function implementation[n_entries];
static atomic_int state; /* 0 not tried, 1 loaded, 2 failed */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static char failure[8192];

/* The file that holds an address. */
static const char *file_of(const void *address) {
  Dl_info info;
  return dladdr(address, &info) && info.dli_fname ? info.dli_fname : "";
}

/*
 * Called by what includes ctorch.h, before main or when a library is opened. A caller that may use what is not here, or means
 * something else by it, could only crash later: from now on every entry says what is wrong.
 */
void ctorch_interface_announce(const ctorch_interface *caller) {
  const int same_sizes = caller->bytes >= (int64_t)sizeof(ctorch_interface) &&
                         caller->array_bytes == (int64_t)sizeof(ctorch_array) &&
                         caller->operand_bytes == (int64_t)sizeof(ctorch_operand);
  if (caller->major == CTORCH_INTERFACE_MAJOR && caller->minor <= CTORCH_INTERFACE_MINOR && same_sizes) return;
  snprintf(failure, sizeof failure,
           "%s was compiled for version %d.%d of the C interface%s, and %s has version %d.%d; compile it again for this one "
           "(the Fortran interface: python -m ftorch --add-compiler <compiler>), or install the version it was compiled for",
           file_of(caller), (int)caller->major, (int)caller->minor, same_sizes ? "" : ", with structures of other sizes",
           file_of((const void *)&ctorch_last_error), CTORCH_INTERFACE_MAJOR, CTORCH_INTERFACE_MINOR);
  atomic_store_explicit(&state, 2, memory_order_release);
}

/*
 * The implementation lies beside this library, wherever the two were installed. Where that is must be known before the program
 * can change its working folder: a library found by a relative path has a relative name.
 */
static char implementation_path[4096];
__attribute__((constructor)) static void find_implementation(void) {
  const char *name = file_of((const void *)&ctorch_last_error);
  const char *slash = strrchr(name, '/');
  char start[2048] = "";
  if (slash && name[0] != '/' && !getcwd(start, sizeof start)) start[0] = 0;
  snprintf(implementation_path, sizeof implementation_path, "%s%s%.*s%slibctorch_torch.so", start, start[0] ? "/" : "",
           slash ? (int)(slash - name) : 0, name, slash ? "/" : "");
}

static int same_minor(const char *built, const char *found) {
  const char *dot = strchr(built, '.');
  size_t minor = dot ? (size_t)(dot - built) + 1 + strspn(dot + 1, "0123456789") : strlen(built);
  return strncmp(built, found, minor) == 0 && (found[minor] < '0' || found[minor] > '9');
}

/* The PyTorch that is in this process already; empty if there is none. */
static void find_loaded_torch(char *path, size_t size) {
  path[0] = 0;
  void *torch = dlopen("libtorch_cpu.so", RTLD_LAZY | RTLD_NOLOAD);
  struct link_map *map = NULL;
  if (torch && dlinfo(torch, RTLD_DI_LINKMAP, (void *)&map) == 0) snprintf(path, size, "%s", map->l_name);
  if (torch) dlclose(torch);
}

/* Whether PyTorch may come without us: in Python. */
static int python_is_there(void) { return dlsym(RTLD_DEFAULT, "Py_IsInitialized") != NULL; }

/* What helps against a reason why the implementation cannot be loaded, or works with another PyTorch. */
static void find_remedy(const char *reason, const char *loaded_torch, char *remedy, size_t size) {
  if (strstr(reason, "static TLS"))
    snprintf(remedy, size,
             "libraries that were loaded before have taken the room for variables of threads; start the program with "
             "GLIBC_TUNABLES=glibc.rtld.optional_static_tls=16384 in the environment, or with LD_PRELOAD=%s",
             implementation_path);
  else if (strstr(reason, "GLIBCXX_") || strstr(reason, "CXXABI_"))
    snprintf(remedy, size,
             "an older C++ run time was found first or was loaded by the program already; take its folder out of "
             "LD_LIBRARY_PATH, or put the one of the compiler that built this library before it");
  else if (loaded_torch[0])
    snprintf(remedy, size,
             "the program has loaded %s already, and there can be one PyTorch in a process: build this library again for that "
             "one, or let the program use torch==" CTORCH_TORCH_VERSION,
             loaded_torch);
  else
    snprintf(remedy, size,
             "install torch==" CTORCH_TORCH_VERSION
             " in the environment this library was installed into, or build the library "
             "again for the PyTorch that is there");
}

static void load(void) {
  if (atomic_load_explicit(&state, memory_order_acquire) == 2) return; /* somebody does not fit */
  const char *const path = implementation_path;
  char loaded_torch[2048], remedy[4096];
  find_loaded_torch(loaded_torch, sizeof loaded_torch);
  const int32_t shared = loaded_torch[0] || python_is_there();
  dlerror(); /* what was not found is no error that the host should hear of */
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *error = dlerror();
    const char *reason = error ? error : "unknown reason";
    find_remedy(reason, loaded_torch, remedy, sizeof remedy);
    snprintf(failure, sizeof failure, "this library was built for PyTorch %s and cannot use the one it found: %s; %s",
             CTORCH_TORCH_VERSION, reason, remedy);
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
    find_remedy("", loaded_torch, remedy, sizeof remedy);
    snprintf(failure, sizeof failure, "this library was built for PyTorch %s and found PyTorch %s; %s", CTORCH_TORCH_VERSION,
             found, remedy);
    return;
  }
  interface_function interface_of = (interface_function)dlsym(library, "ctorch_implementation_interface");
  start_function start = (start_function)dlsym(library, "ctorch_implementation_start");
  int32_t major = 0, minor = 0;
  if (interface_of) interface_of(&major, &minor);
  if (!start || major != CTORCH_INTERFACE_MAJOR || minor != CTORCH_INTERFACE_MINOR) {
    snprintf(failure, sizeof failure,
             "%s has version %d.%d of the C interface and %s has %d.%d: it belongs to another version of this library; install "
             "both anew",
             path, (int)major, (int)minor, file_of((const void *)&ctorch_last_error), CTORCH_INTERFACE_MAJOR,
             CTORCH_INTERFACE_MINOR);
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
  start(shared);
  int untried = 0;
  atomic_compare_exchange_strong(&state, &untried, 1);
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
