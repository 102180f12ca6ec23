// What a model handle names.
#pragma once
#include <memory>

#include "core/handle_table.h"
#include "model/model.h"

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

inline Model& model_of(const ctorch_model* handle) {
  require(handle, "model");
  return *models().get(handle->id, "model").model;
}

inline void give_model(ctorch_model* out, std::shared_ptr<Model> model) {
  require(out, "model");
  const uint64_t old = out->id;
  out->id = models().create(ModelObject{std::move(model)});
  if (old) models().release(old);
}

}  // namespace ctorch
