// What an optimizer handle names.
#pragma once
#include <memory>

#include "core/handle_table.h"
#include "ctorch_optim.h"
#include "training/optimizer/optimizer.h"

namespace ctorch {

struct OptimObject {
  std::shared_ptr<Optim> optim;
};

using OptimTable = HandleTable<OptimObject, CTORCH_HANDLE_OPTIM>;

inline OptimTable& optims() {
  static OptimTable& table = OptimTable::instance();
  return table;
}

inline Optim& optim_of(const ctorch_optim* handle) {
  require(handle, "optim");
  return *optims().get(handle->id, "optimizer").optim;
}

}  // namespace ctorch
