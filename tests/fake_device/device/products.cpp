#include "products.h"

#include <ATen/Context.h>

#include <cstdint>

namespace {

// Bits: 1 for products of matrices, 2 for convolutions.
int32_t allowed() {
  const at::Context& context = at::globalContext();
  const bool conv = context.float32Precision(at::Float32Backend::CUDA, at::Float32Op::CONV) == at::Float32Precision::TF32;
  return (context.allowTF32CuBLAS() ? 1 : 0) + (conv ? 2 : 0);
}

thread_local int32_t noted = -1;

}  // namespace

void fake::note_products() { noted = allowed(); }

extern "C" {

int32_t fake_noted_products() { return noted; }

// As a program sets it that uses PyTorch itself.
int32_t fake_products() { return allowed(); }
void fake_set_products(int32_t wanted) {
  at::globalContext().setAllowTF32CuBLAS(wanted & 1);
  at::globalContext().setAllowTF32CuDNN(wanted & 2);
}
void fake_set_medium_products() { at::globalContext().setFloat32MatmulPrecision("medium"); }
int32_t fake_medium_products() {
  return at::globalContext().float32MatmulPrecision() == at::Float32MatmulPrecision::MEDIUM ? 1 : 0;
}
void fake_set_products_anew(int32_t wanted) {  // by the newer form alone, beside which the older one cannot be read any more
  at::globalContext().setFloat32Precision(at::Float32Backend::CUDA, at::Float32Op::CONV,
                                          wanted & 2 ? at::Float32Precision::TF32 : at::Float32Precision::IEEE);
}

}  // extern "C"
