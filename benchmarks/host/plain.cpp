// PyTorch's own package of the emulator in a loop over its runner, as well as we can write it: nothing is checked. Inputs of
// other strides than the compiled ones have to be copied, because its code does not look at them.
#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>

#include <cstdint>
#include <cstring>

namespace {

using Loader = torch::inductor::AOTIModelPackageLoader;

// A package for any number of columns has no code for a single one.
struct Plain {
  Loader any, one;
};

}  // namespace

extern "C" {

// For one thread; it lives until the program ends.
Plain* plain_load(const char* any, const char* one) {
  c10::InferenceMode mode;
  return new Plain{Loader(any, "model", true), Loader(one, "model", true)};
}

// `between` is the distance of neighbouring inputs of a column, or 1 where these lie beside each other.
void plain_run(Plain* plain, float* x, float* y, int64_t columns, int64_t between) {
  c10::InferenceMode mode;
  const bool apart = between > 1;
  at::Tensor input = at::from_blob(x, {columns, 45}, {apart ? 1 : 45, between});
  if (apart) input = input.contiguous();
  const at::Tensor result = (columns > 1 ? plain->any : plain->one).get_runner()->run({input})[0];
  if (apart)
    at::from_blob(y, {columns, 9}, {1, between}).copy_(result);
  else
    std::memcpy(y, result.const_data_ptr(), result.nbytes());
}

}  // extern "C"
