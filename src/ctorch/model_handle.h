// What a model handle names.
#pragma once
#include <memory>

#include "handles.h"
#include "model.h"

namespace ctorch {

struct ModelObject {
  std::shared_ptr<Model> model;
  bool temporary = false;  // result of a function: assignment moves it
};

using ModelTable = HandleTable<ModelObject, CTORCH_HANDLE_MODEL>;

inline ModelTable& models() {
  static ModelTable& table = ModelTable::instance();
  return table;
}

}  // namespace ctorch
