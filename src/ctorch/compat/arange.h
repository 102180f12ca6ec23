// Whole numbers in steps. PyTorch before 2.13 divides by the step as a whole number without a look at it, which ends the
// process.
#pragma once
#include <ATen/ops/arange.h>
#include <c10/core/ScalarType.h>
#include <c10/core/TensorOptions.h>
#include <c10/util/Exception.h>
#include <torch/version.h>

namespace ctorch::compat {

inline at::Tensor arange(const at::Scalar& start, const at::Scalar& end, const at::Scalar& step,
                         const at::TensorOptions& options) {
#if TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR < 13
  const bool whole = options.has_dtype() && c10::isIntegralType(c10::typeMetaToScalarType(options.dtype()), true);
  TORCH_CHECK(!whole || step.toDouble() <= -1 || step.toDouble() >= 1, "step must be nonzero");  // as later ones say
#endif
  return at::arange(start, end, step, options);
}

}  // namespace ctorch::compat
