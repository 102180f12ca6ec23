/* C side of descriptors.f90. */
#include <ISO_Fortran_binding.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const cases[] = {"",         "a whole array",           "a section", "a section with negative stride",
                                    "a scalar", "a pointer of c_f_pointer"};

/* One line on standard output is the verdict. */
static void wrong(int what, const char *which, long got, long expected) {
  printf("it describes %s with %s %ld instead of %ld\n", cases[what], which, got, expected);
  exit(EXIT_SUCCESS);
}

void probe_array(const CFI_cdesc_t *array, int what, const void *address, int rank, const ptrdiff_t *extents,
                 const ptrdiff_t *strides) {
  if (array->rank != rank) wrong(what, "rank", array->rank, rank);
  if (array->base_addr != address) wrong(what, "an address off by", (const char *)array->base_addr - (const char *)address, 0);
  if (array->elem_len != sizeof(double)) wrong(what, "element length", (long)array->elem_len, sizeof(double));
  if (array->type != CFI_type_double) wrong(what, "type code", array->type, CFI_type_double);
  for (int i = 0; i < rank; ++i) {
    if (array->dim[i].extent != extents[i]) wrong(what, "extent", array->dim[i].extent, extents[i]);
    if (array->dim[i].sm != strides[i]) wrong(what, "stride", array->dim[i].sm, strides[i]);
  }
}

void probe_double(const CFI_cdesc_t *array, int what, const void *address, int rank, const ptrdiff_t *extents,
                  const ptrdiff_t *strides) {
  probe_array(array, what, address, rank, extents, strides);
}

void probe_pointer(CFI_cdesc_t *pointer, void *address) {
  const CFI_index_t strides[] = {2 * sizeof(double), 4 * sizeof(double)};
  pointer->base_addr = address;
  for (int i = 0; i < 2; ++i) {
    pointer->dim[i].lower_bound = 1;
    pointer->dim[i].extent = 2;
    pointer->dim[i].sm = strides[i];
  }
}
