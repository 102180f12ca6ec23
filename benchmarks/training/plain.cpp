// The yardstick of training: the fastest loop we know how to write over libtorch itself, and beside it the one that most people
// write, with torch::optim. Both look the method up once and keep their tensors; nothing is checked.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/mse_loss.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/optim/adam.h>
#include <torch/optim/sgd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace {

constexpr double rate = 1e-3, momentum = 0.9;

struct Training {
  torch::jit::Module module;
  c10::IValue self;
  torch::jit::Function* method;
  torch::jit::Stack stack;
  at::Tensor x, y;
  std::vector<at::Tensor> weights, first, second, steps;
  bool adam, started = false;
  std::unique_ptr<torch::optim::Optimizer> usual;
  float loss = 0;

  void fused_step() {
    at::NoGradGuard mode;
    std::vector<at::Tensor> gradients;
    for (const at::Tensor& weight : weights) gradients.push_back(weight.grad());
    if (adam) {
      for (const at::Tensor& step : steps) *step.mutable_data_ptr<float>() += 1;
      at::_fused_adam_(weights, gradients, first, second, {}, steps, rate, 0.9, 0.999, 0.0, 1e-8, false, false);
    } else {
      at::_fused_sgd_(weights, gradients, first, 0.0, momentum, rate, 0.0, false, false, !started);
      started = true;
    }
  }

  void train() {
    for (at::Tensor& weight : weights) weight.mutable_grad() = at::Tensor();
    stack.emplace_back(self);
    stack.emplace_back(x);
    method->run(stack);
    const at::Tensor error = at::mse_loss(stack.back().toTensor(), y);
    stack.clear();
    error.backward();
    if (usual)
      usual->step();
    else
      fused_step();
    loss = *error.const_data_ptr<float>();
  }
};

}  // namespace

extern "C" {

// Loads a model [batch, n_in] -> [batch, n_out] for training; it lives until the program ends.
Training* training_load(const char* path, float* x, float* y, int64_t batch, int64_t n_in, int64_t n_out, int32_t adam,
                        int32_t usual) {
  torch::jit::Module module = torch::jit::load(path);
  module.train();
  auto* training = new Training{module,
                                module._ivalue(),
                                &module.get_method("forward").function(),
                                {},
                                at::from_blob(x, {batch, n_in}, at::kFloat),
                                at::from_blob(y, {batch, n_out}, at::kFloat)};
  training->adam = adam != 0;
  for (at::Tensor weight : module.parameters()) {
    weight.set_requires_grad(true);
    training->weights.push_back(weight);
    training->first.push_back(at::zeros_like(weight.detach()));
    training->second.push_back(at::zeros_like(weight.detach()));
    training->steps.push_back(at::zeros({}, at::kFloat));
  }
  if (usual && adam)
    training->usual = std::make_unique<torch::optim::Adam>(training->weights, torch::optim::AdamOptions(rate));
  else if (usual)
    training->usual = std::make_unique<torch::optim::SGD>(training->weights, torch::optim::SGDOptions(rate).momentum(momentum));
  return training;
}

// Makes steps and returns the loss of the last.
float training_steps(Training* training, int64_t steps) {
  for (int64_t step = 0; step < steps; ++step) training->train();
  return training->loss;
}

}  // extern "C"
