// Handles of a model's tensors, deleted in the end, whatever happens.
#pragma once
#include <ctorch_parameters.h>
#include <ctorch_tensor.h>

#include <cstdint>
#include <vector>

#include "core/error.h"

namespace ftorch {

class Handles {
 public:
  // As many as the model has parameters, null at first.
  explicit Handles(const ctorch_model* model) : model_(model) {
    int32_t count = 0;
    need(ctorch_model_count_parameters(model, &count));
    all.resize(static_cast<size_t>(count));
  }
  Handles(const Handles&) = delete;
  Handles& operator=(const Handles&) = delete;
  ~Handles() {
    for (ctorch_tensor& handle : all) ctorch_tensor_delete(&handle);
  }

  void take_parameters() { need(ctorch_model_parameters(model_, all.data(), count())); }

  // wanted: as ctorch_model_gradients takes it.
  void take_gradients(const int64_t* wanted) { need(ctorch_model_gradients(model_, wanted, all.data(), count())); }

  std::vector<ctorch_tensor> all;

 private:
  int32_t count() const { return static_cast<int32_t>(all.size()); }

  const ctorch_model* model_;
};

}  // namespace ftorch
