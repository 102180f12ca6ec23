// MPI's C interface, without the C++ bindings that some headers would add: they were removed from MPI in 2012.
#pragma once
#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <cstdint>

static_assert(sizeof(MPI_Fint) == sizeof(int32_t), "this MPI was built for Fortran with 64-bit default integers");
