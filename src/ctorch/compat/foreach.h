// Operations on lists of tensors and fused steps of optimizers. PyTorch marks them as internal by the underscore.
#pragma once
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_addcdiv.h>
#include <ATen/ops/_foreach_addcmul.h>
#include <ATen/ops/_foreach_clamp_max.h>
#include <ATen/ops/_foreach_clamp_min.h>
#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_sqrt.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>

namespace ctorch::compat {

using at::_foreach_add;
using at::_foreach_add_;
using at::_foreach_addcdiv_;
using at::_foreach_addcmul;
using at::_foreach_addcmul_;
using at::_foreach_clamp_max_;
using at::_foreach_clamp_min_;
using at::_foreach_lerp_;
using at::_foreach_mul_;
using at::_foreach_sqrt;
using at::_foreach_sqrt_;
using at::_fused_adam_;
using at::_fused_adamw_;
using at::_fused_sgd_;

}  // namespace ctorch::compat
