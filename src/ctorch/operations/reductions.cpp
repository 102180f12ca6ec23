// Entries of the sum and the mean that losses are made of, into a tensor that is given.
#include "ctorch_ops.h"
#include "operations/operation.h"

using namespace ctorch;

extern "C" {

int32_t ctorch_tensor_sum(const ctorch_tensor* tensor, ctorch_tensor* output) {
  return compute([&] { store_result(output, Input(tensor, "tensor")->sum(), /*scalar=*/true); });
}

int32_t ctorch_tensor_mean(const ctorch_tensor* tensor, ctorch_tensor* output) {
  return compute([&] { store_result(output, Input(tensor, "tensor")->mean(), /*scalar=*/true); });
}

}  // extern "C"
