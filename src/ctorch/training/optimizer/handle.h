// What an optimizer handle names.
#pragma once
#include "core/shared_handle.h"
#include "ctorch_optim.h"
#include "training/optimizer/optimizer.h"

namespace ctorch {

template <>
struct Named<ctorch_optim> {
  using Object = Optim;
  static constexpr int32_t kind = CTORCH_HANDLE_OPTIM;
  static constexpr const char *argument = "optim", *noun = "optimizer";
};

}  // namespace ctorch
