// The yardstick: the fastest loop we know how to write over libtorch itself. Everything that can be done once is done once
// (mode, method lookup, tensors over the caller's memory, room for the arguments), nothing is checked, and the model is loaded
// in inference mode too, as PyTorch's manual advises: views of its weights are cheaper then. Its weights stay weights, that is,
// it is not frozen.
#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include <cstdint>
#include <cstring>

namespace {

struct Plain {
  torch::jit::Module module;
  c10::IValue self;
  torch::jit::Function* method;
  torch::jit::Stack stack;
  at::Tensor input;
  float* output;
};

}  // namespace

extern "C" {

// Loads a model that maps `input` [batch, n_in] to `output`. It lives until the program ends.
Plain* plain_load(const char* path, float* input, float* output, int64_t batch, int64_t n_in) {
  c10::InferenceMode mode;
  torch::jit::Module module = torch::jit::load(path);
  module.eval();
  c10::IValue self = module._ivalue();
  auto* method = &module.get_method("forward").function();
  return new Plain{std::move(module), std::move(self), method, {}, at::from_blob(input, {batch, n_in}, at::kFloat), output};
}

void plain_forward(Plain* plain, int64_t calls) {
  c10::InferenceMode mode;
  for (int64_t call = 0; call < calls; ++call) {
    plain->stack.emplace_back(plain->self);
    plain->stack.emplace_back(plain->input);
    plain->method->run(plain->stack);
    const at::Tensor& result = plain->stack.back().toTensor();
    std::memcpy(plain->output, result.const_data_ptr(), result.nbytes());
    plain->stack.clear();
  }
}

void plain_from_blob(float* data, int64_t batch, int64_t n_in, int64_t calls) {
  for (int64_t call = 0; call < calls; ++call) {
    const at::Tensor tensor = at::from_blob(data, {batch, n_in}, at::kFloat);
    __asm__ volatile("" : : "r"(tensor.unsafeGetTensorImpl()) : "memory");  // the compiler must not see through it
  }
}

}  // extern "C"
