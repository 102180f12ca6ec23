// What autograd calls when it has added the last part to the gradient of a leaf. PyTorch's public hooks come before that.
#pragma once
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <functional>
#include <memory>
#include <utility>

namespace ctorch::compat {

using GradientIsReady = std::function<void(const at::Tensor& leaf)>;

// Without a function it ends. A leaf has one such hook at most.
inline void watch_gradient(const at::Tensor& leaf, GradientIsReady call) {
  struct Hook final : torch::autograd::PostAccumulateGradHook {
    explicit Hook(GradientIsReady call) : call_(std::move(call)) {}
    void operator()(const at::Tensor& leaf) override { call_(leaf); }
    GradientIsReady call_;
  };
  torch::autograd::impl::set_post_acc_grad_hooks(leaf, call ? std::make_unique<Hook>(std::move(call)) : nullptr);
}

inline bool is_watched(const at::Tensor& leaf) { return torch::autograd::impl::post_acc_grad_hooks(leaf) != nullptr; }

}  // namespace ctorch::compat
