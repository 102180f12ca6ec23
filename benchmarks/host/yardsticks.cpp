// Two yardsticks of the emulator, without any check. PyTorch's own package in a loop over its runner, as well as we can write
// it: inputs of other strides than the compiled ones have to be copied, because its code does not look at them. And the kernels
// of our package, called by address (docs/package-format.md).
#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>
#include <dlfcn.h>
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace {

constexpr int64_t inputs = 45, outputs = 9;

// A package for any number of columns has no code for a single one.
struct Plain {
  torch::inductor::AOTIModelPackageLoader any, one;
};

struct Array {
  void* data;
  const int64_t* byte_strides;
  int64_t dtype;
};

struct Kernel {
  void (*run)(const Array*, const Array*, const void*, void*, int64_t, int64_t);
  void *packed, *workspace;
};

using Kernels = std::array<Kernel, 2>;

void* memory() { return std::aligned_alloc(64, 1 << 16); }

Kernel load(const char* path, const void* const* weights) {
  void* library = ::dlopen(path, RTLD_NOW);
  Kernel kernel{reinterpret_cast<decltype(Kernel::run)>(::dlsym(library, "ftorch_kernel_run")), memory(), memory()};
  reinterpret_cast<void (*)(const void* const*, void*)>(::dlsym(library, "ftorch_kernel_pack"))(weights, kernel.packed);
  return kernel;
}

}  // namespace

// What is loaded is for one thread, and lives until the program ends. `between` is the distance of neighbouring inputs of a
// column, or 1 where these lie beside each other.
extern "C" {

Plain* plain_load() {
  c10::InferenceMode mode;
  return new Plain{{"plain_any.pt2", "model", true}, {"plain_one.pt2", "model", true}};
}

void plain_run(Plain* plain, float* x, float* y, int64_t columns, int64_t between) {
  c10::InferenceMode mode;
  const bool apart = between > 1;
  at::Tensor input = at::from_blob(x, {columns, inputs}, {apart ? 1 : inputs, between});
  if (apart) input = input.contiguous();
  const at::Tensor result = (columns > 1 ? plain->any : plain->one).get_runner()->run({input})[0];
  if (apart)
    at::from_blob(y, {columns, outputs}, {1, between}).copy_(result);
  else
    std::memcpy(y, result.const_data_ptr(), result.nbytes());
}

Kernels* kernels_load() {
  std::array<float, 8192> weights;
  std::ifstream("weights.bin", std::ios::binary).read(reinterpret_cast<char*>(weights.data()), sizeof weights);
  std::array<const void*, 6> parts;
  for (size_t i = 0, at = 0; i < 6; at += std::array{64 * 45, 64, 64 * 64, 64, 9 * 64, 9}[i++]) parts[i] = &weights[at];
  return new Kernels{load("./kernel_b1.so", parts.data()), load("./kernel_model.so", parts.data())};
}

void kernels_run(const Kernels* kernels, float* x, float* y, int64_t columns, int64_t between) {
  constexpr int64_t number = sizeof(float), float32 = 6;
  const bool apart = between > 1;
  const int64_t x_strides[] = {number * (apart ? 1 : inputs), number * between};
  const int64_t y_strides[] = {number * (apart ? 1 : outputs), number * between};
  const Array from{x, x_strides, float32}, to{y, y_strides, float32};
  const Kernel& kernel = (*kernels)[columns > 1];
  kernel.run(&from, &to, kernel.packed, kernel.workspace, 0, columns);
}

}  // extern "C"
