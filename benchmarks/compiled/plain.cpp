// The yardsticks of compiled packages: the best loops we can write over libtorch's own two ways to run a model, TorchScript and
// AOTInductor. All that can be done once is done once, nothing is checked.
#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

namespace {

struct Plain {
  // One of the two.
  torch::jit::Module module;
  torch::jit::Function* method = nullptr;
  std::unique_ptr<torch::inductor::AOTIModelPackageLoader> package;

  c10::IValue self;
  torch::jit::Stack stack;
  std::vector<at::Tensor> inputs;
  void* output;
};

void keep(const Plain& plain, const at::Tensor& result) { std::memcpy(plain.output, result.const_data_ptr(), result.nbytes()); }

}  // namespace

extern "C" {

// Loads TorchScript, or a package. Shapes have four columns; the model lives until the program ends.
Plain* plain_load(const char* path, int32_t compiled, int32_t element_bytes, int32_t n_inputs, const int32_t rank[],
                  const int64_t shapes[], void* const inputs[], void* output) {
  c10::InferenceMode mode;
  auto* plain = new Plain;
  if (compiled != 0) {
    plain->package = std::make_unique<torch::inductor::AOTIModelPackageLoader>(path, "model", true);
  } else {
    plain->module = torch::jit::load(path);
    plain->module.eval();
    plain->self = plain->module._ivalue();
    plain->method = &plain->module.get_method("forward").function();
  }
  for (int32_t n = 0; n < n_inputs; ++n) {
    const at::IntArrayRef shape(shapes + 4 * n, static_cast<size_t>(rank[n]));
    plain->inputs.push_back(at::from_blob(inputs[n], shape, element_bytes == 8 ? at::kDouble : at::kFloat));
  }
  plain->output = output;
  return plain;
}

void plain_forward(Plain* plain, int64_t calls) {
  c10::InferenceMode mode;
  if (plain->package) {
    auto* runner = plain->package->get_runner();
    for (int64_t call = 0; call < calls; ++call) keep(*plain, runner->run(plain->inputs)[0]);
    return;
  }
  for (int64_t call = 0; call < calls; ++call) {
    plain->stack.emplace_back(plain->self);
    for (const at::Tensor& input : plain->inputs) plain->stack.emplace_back(input);
    plain->method->run(plain->stack);
    keep(*plain, plain->stack.back().toTensor());
    plain->stack.clear();
  }
}

}  // extern "C"
