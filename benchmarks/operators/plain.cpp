// The yardstick of operators.f90: the same expression in plain C++.
#include <ATen/ATen.h>

#include <cstdint>

extern "C" void plain_expression(double* a_data, double* b_data, double* c_data, int64_t size, int64_t calls) {
  const at::Tensor a = at::from_blob(a_data, {size}, at::kDouble), b = at::from_blob(b_data, {size}, at::kDouble);
  at::Tensor c;
  for (int64_t call = 0; call < calls; ++call) c = a * b + a;
  at::from_blob(c_data, {size}, at::kDouble).copy_(c);
}
