// What a model handle names.
#pragma once
#include "core/shared_handle.h"
#include "ctorch_model.h"
#include "model/model.h"

namespace ctorch {

template <>
struct Named<ctorch_model> {
  using Object = Model;
  static constexpr int32_t kind = CTORCH_HANDLE_MODEL;
  static constexpr const char *argument = "model", *noun = "model";
};

}  // namespace ctorch
