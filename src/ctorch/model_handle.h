// What a model handle names.
#pragma once
#include <memory>

#include "handles.h"
#include "model.h"

namespace ctorch {

using ModelTable = HandleTable<std::shared_ptr<Model>, CTORCH_HANDLE_MODEL>;

inline ModelTable& models() {
  static ModelTable& table = ModelTable::instance();
  return table;
}

}  // namespace ctorch
