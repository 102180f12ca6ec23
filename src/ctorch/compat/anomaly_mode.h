// Autograd's search for the operation that made a not-a-number.
#pragma once
#include <torch/csrc/autograd/anomaly_mode.h>

namespace ctorch::compat {

inline void set_anomaly_mode(bool enabled, bool check_nan) { torch::autograd::AnomalyMode::set_enabled(enabled, check_nan); }

}  // namespace ctorch::compat
