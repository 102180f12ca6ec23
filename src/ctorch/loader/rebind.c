/**
 * Keeps the host's symbols out of PyTorch.
 *
 * The dynamic linker asks the host's libraries first for every symbol, also for those that PyTorch defines itself and under
 * RTLD_LOCAL: a program linked to a BLAS would make PyTorch compute with that BLAS, whatever the size of its integers. So all
 * references of the libraries that come with PyTorch are looked through once, and those that were answered by a library of the
 * host while PyTorch has the same symbol are turned back. The run times of C, C++ and OpenMP stay as the linker bound them:
 * whoever replaces malloc does so for all, and there must be one team of threads. docs/architecture.md says why not
 * RTLD_DEEPBIND.
 *
 * And what these libraries want to do when the program ends is left undone. Threads of the program may be in a call then, and
 * would find the ground gone from under them: a program that is right until its last line would end with a signal.
 *
 * The library is linked with -z initfirst: this runs when everything is bound and nothing of PyTorch has run.
 */
#define _GNU_SOURCE
#include "loader/rebind.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__x86_64__)
enum { address_reference = R_X86_64_64, data_reference = R_X86_64_GLOB_DAT, call_reference = R_X86_64_JUMP_SLOT };
#elif defined(__aarch64__)
enum { address_reference = R_AARCH64_ABS64, data_reference = R_AARCH64_GLOB_DAT, call_reference = R_AARCH64_JUMP_SLOT };
#else
#error "add the three relocation types of this processor that name a symbol"
#endif

#define VISIBLE __attribute__((visibility("default")))

typedef struct {
  uintptr_t first, last;  // last is one past the end
} span;

// A loaded program or library.
typedef struct {
  const char *path, *name;  // name: without folder
  uintptr_t base;
  span memory, sealed;  // sealed: made read-only after relocation
  const ElfW(Sym) * symbols;
  const char *strings;
  const ElfW(Rela) * references[2];
  size_t count[2];
  int runtime;  // of a language: its symbols are not PyTorch's, even where they were loaded for it
} object;

typedef struct {
  object *items;
  size_t count, room;
} object_list;

static char failure[200];

static int inside(span s, uintptr_t address) { return address >= s.first && address < s.last; }

static int is_runtime(const char *name) {
  static const char *const names[] = {"ld-linux", "libc.so",      "libm.so", "libpthread.so", "libdl.so", "librt.so",
                                      "libgcc_s", "libstdc++.so", "libgomp", "libomp",        "libiomp5", "linux-vdso"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i)
    if (strncmp(name, names[i], strlen(names[i])) == 0) return 1;
  return 0;
}

// The dynamic linker has turned offsets into addresses in some places and not in others.
static uintptr_t absolute(const object *o, uintptr_t value) { return value < o->base ? o->base + value : value; }

static void read_dynamic(object *o, const ElfW(Dyn) * entry) {
  for (; entry->d_tag != DT_NULL; ++entry) {
    const uintptr_t value = entry->d_un.d_val;
    switch (entry->d_tag) {
      case DT_SYMTAB:
        o->symbols = (const ElfW(Sym) *)absolute(o, value);
        break;
      case DT_STRTAB:
        o->strings = (const char *)absolute(o, value);
        break;
      case DT_RELA:
        o->references[0] = (const ElfW(Rela) *)absolute(o, value);
        break;
      case DT_RELASZ:
        o->count[0] = value / sizeof(ElfW(Rela));
        break;
      case DT_JMPREL:
        o->references[1] = (const ElfW(Rela) *)absolute(o, value);
        break;
      case DT_PLTRELSZ:
        o->count[1] = value / sizeof(ElfW(Rela));
        break;
      default:
        break;
    }
  }
}

static int count_object(struct dl_phdr_info *info, size_t size, void *room) {
  (void)info, (void)size;
  ++*(size_t *)room;
  return 0;
}

static int add_object(struct dl_phdr_info *info, size_t size, void *list) {
  (void)size;
  object_list *all = list;
  if (all->count == all->room) return 1;
  object *o = &all->items[all->count++];
  const char *slash = strrchr(info->dlpi_name, '/');
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  *o = (object){.path = info->dlpi_name, .name = slash ? slash + 1 : info->dlpi_name, .base = info->dlpi_addr};
  o->memory.first = UINTPTR_MAX;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr) *part = &info->dlpi_phdr[i];
    const span place = {o->base + part->p_vaddr, o->base + part->p_vaddr + part->p_memsz};
    if (part->p_type == PT_LOAD) {
      if (place.first < o->memory.first) o->memory.first = place.first;
      if (place.last > o->memory.last) o->memory.last = place.last;
    } else if (part->p_type == PT_GNU_RELRO) {
      o->sealed = (span){place.first & ~(page - 1), place.last & ~(page - 1)};
    } else if (part->p_type == PT_DYNAMIC) {
      read_dynamic(o, (const ElfW(Dyn) *)place.first);
    }
  }
  o->runtime = is_runtime(o->name);
  return 0;
}

// All that is loaded, in the order of loading. To be freed.
static object_list list_objects(void) {
  object_list all = {0};
  dl_iterate_phdr(count_object, &all.room);
  all.items = calloc(all.room, sizeof *all.items);
  if (all.items) dl_iterate_phdr(add_object, &all);
  return all;
}

static const object *object_of(const object_list *all, uintptr_t address) {
  for (size_t i = 0; i < all->count; ++i)
    if (inside(all->items[i].memory, address)) return &all->items[i];
  return NULL;
}

static int names_symbol(const ElfW(Rela) * reference) {
  const uint32_t type = ELF64_R_TYPE(reference->r_info);
  return type == address_reference || type == data_reference || type == call_reference;
}

static const ElfW(Sym) * symbol_of(const object *o, const ElfW(Rela) * reference) {
  return &o->symbols[ELF64_R_SYM(reference->r_info)];
}

static uintptr_t *slot_of(const object *o, const ElfW(Rela) * reference) {
  return (uintptr_t *)(o->base + reference->r_offset);
}

static int seal(const object *o, int protection) {
  if (o->sealed.first >= o->sealed.last) return 1;
  return mprotect((void *)o->sealed.first, o->sealed.last - o->sealed.first, protection) == 0;
}

// Whether a reference must change and to what; 0 for leave it.
typedef uintptr_t (*decision)(const object *o, const ElfW(Rela) * reference, const ElfW(Sym) * symbol, void *context);

// Other threads may be calling through a slot: each changes in one store.
static int revise(const object *o, decision decide, void *context) {
  int open = 0;
  for (int table = 0; table < 2; ++table) {
    for (size_t i = 0; i < o->count[table]; ++i) {
      const ElfW(Rela) *reference = &o->references[table][i];
      if (!names_symbol(reference)) continue;
      const uintptr_t target = decide(o, reference, symbol_of(o, reference), context);
      if (!target) continue;
      if (!open && !seal(o, PROT_READ | PROT_WRITE)) return 0;
      open = 1;
      __atomic_store_n(slot_of(o, reference), target + (uintptr_t)reference->r_addend, __ATOMIC_RELEASE);
    }
  }
  if (open) seal(o, PROT_READ);
  return 1;
}

// Where a library's own symbols are.
typedef struct {
  const object_list *all;
  const object *first;  // of the libraries that were loaded together, to the end of the list
  void *scope;          // handle that finds what they would find without the host
} family;

static int at_no_end(void (*function)(void *), void *argument, void *library) {
  (void)function, (void)argument, (void)library;
  return 0;
}

// The linker keeps unique symbols (of C++) one for the process, and so do we.
static uintptr_t turn_back(const object *o, const ElfW(Rela) * reference, const ElfW(Sym) * symbol, void *context) {
  const family *f = context;
  const uintptr_t now = *slot_of(o, reference) - (uintptr_t)reference->r_addend;
  if (strcmp(o->strings + symbol->st_name, "__cxa_atexit") == 0) return (uintptr_t)at_no_end;
  if (inside(o->memory, now) || !now) return 0;
  if (ELF64_ST_TYPE(symbol->st_info) == STT_TLS || ELF64_ST_BIND(symbol->st_info) == STB_GNU_UNIQUE) return 0;
  const object *answers = object_of(f->all, now);
  if (!answers || answers->runtime || answers >= f->first) return 0;
  const uintptr_t own = (uintptr_t)dlsym(f->scope, o->strings + symbol->st_name);
  if (!own || own == now) return 0;
  const object *owner = object_of(f->all, own);
  return owner && (!owner->runtime || strncmp(owner->name, "libm.so", 7) == 0) ? own : 0;
}

// A PyTorch that was there before us has run, and the program may hold its variables: only calls of its own functions change,
// also those that are not bound yet.
static uintptr_t call_own(const object *o, const ElfW(Rela) * reference, const ElfW(Sym) * symbol, void *context) {
  (void)context;
  if (ELF64_R_TYPE(reference->r_info) != call_reference || symbol->st_shndx == SHN_UNDEF) return 0;
  if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC || ELF64_ST_BIND(symbol->st_info) != STB_GLOBAL) return 0;
  const uintptr_t own = o->base + symbol->st_value;
  return *slot_of(o, reference) == own ? 0 : own;
}

static const object *find(const object_list *all, const char *name) {
  for (const object *o = all->items; o < all->items + all->count; ++o)
    if (strcmp(o->name, name) == 0) return o;
  return NULL;
}

static int separate(const object_list *all) {
  family f = {.all = all, .first = find(all, "libctorch_torch.so")};
  if (!f.first) return 1;  // loaded by itself
  f.scope = dlopen(f.first->path, RTLD_NOW | RTLD_NOLOAD);
  if (!f.scope) return 0;
  int done = 1;
  for (const object *o = all->items; o < all->items + all->count; ++o) {
    if (o >= f.first && !o->runtime)
      done &= revise(o, turn_back, &f);
    else if (strcmp(o->name, "libtorch_cpu.so") == 0)
      done &= revise(o, call_own, NULL);
  }
  dlclose(f.scope);
  return done;
}

__attribute__((constructor)) static void keep_out_the_host(void) {
  object_list all = list_objects();
  if (!all.items || !separate(&all))
    snprintf(failure, sizeof failure, "cannot keep the program's symbols out of PyTorch: %s", strerror(errno));
  free(all.items);
}

// The library behind a handle; null if there is none.
static const object *object_of_handle(const object_list *all, void *library) {
  struct link_map *map = NULL;
  if (dlinfo(library, RTLD_DI_LINKMAP, (void *)&map) != 0) return NULL;
  for (const object *o = all->items; o < all->items + all->count; ++o)
    if (o->base == map->l_addr && o->path == map->l_name) return o;
  return NULL;
}

VISIBLE int ctorch_rebind_own(void *library) {
  object_list all = list_objects();
  family f = {.all = &all, .first = all.items + all.count, .scope = library};
  const object *o = object_of_handle(&all, library);
  const int done = o && revise(o, turn_back, &f);
  free(all.items);
  return done;
}

VISIBLE const char *ctorch_rebind_failure(void) { return failure[0] ? failure : NULL; }

typedef struct {
  const char *name;
  void *library;
  uintptr_t target, before;
} redirection;

static uintptr_t redirect(const object *o, const ElfW(Rela) * reference, const ElfW(Sym) * symbol, void *context) {
  redirection *r = context;
  if (strcmp(o->strings + symbol->st_name, r->name) != 0) return 0;
  const uintptr_t now = *slot_of(o, reference) - (uintptr_t)reference->r_addend;
  if (now == r->target) return 0;
  if (symbol->st_shndx != SHN_UNDEF || !inside(o->memory, now)) {
    r->before = now;
  } else {  // not bound yet: the linker would answer at the first call, and undo the redirection
    r->before = (uintptr_t)dlsym(RTLD_DEFAULT, r->name);
    if (!r->before) r->before = (uintptr_t)dlsym(r->library, r->name);
  }
  return r->target;
}

VISIBLE void *ctorch_rebind(void *library, const char *name, void *target) {
  redirection r = {.name = name, .library = library, .target = (uintptr_t)target};
  object_list all = list_objects();
  const object *o = object_of_handle(&all, library);
  const int done = o && revise(o, redirect, &r);
  free(all.items);
  return done ? (void *)r.before : NULL;
}
